// Package simulator is Alibaba's DashScope image service on your own machine,
// good enough to develop a client against.
package simulator
