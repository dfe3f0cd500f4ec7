// Package dashscope is a client of Alibaba's DashScope image service (also called
// Model Studio, Bailian and Qwen Cloud) for the Wan text-to-image models.
package dashscope
