package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wan-image-mcp/tasks"
)

// Metrics are figures for Prometheus: what was ordered, how long it took, what it
// cost, and how the service upstream answered. Tell them of tasks with
// Service.Subscribe(m.Task), and of calls upstream with Client.Observe = m.Upstream.
type Metrics struct {
	handler http.Handler

	open     *prometheus.GaugeVec
	ended    *prometheus.CounterVec
	queued   *prometheus.HistogramVec
	total    *prometheus.HistogramVec
	spent    *prometheus.CounterVec
	pictures *prometheus.CounterVec
	bytes    prometheus.Counter
	upstream *prometheus.HistogramVec

	mu      sync.Mutex
	counted map[string]*progress // of the tasks that are not settled
	settled *recent
}

// progress is what was counted of a task so far.
type progress struct {
	state     tasks.State // "" before anything was
	submitted bool
	pictures  map[int]bool
}

// maxSettled is how many settled tasks are remembered, so that news of one that
// comes late does not count it again.
const maxSettled = 10_000

// NewMetrics makes Metrics with a registry of their own.
func NewMetrics() *Metrics {
	const namespace = "wan_image_mcp"
	waits := prometheus.ExponentialBuckets(0.5, 2, 12) // half a second to 17 minutes
	m := &Metrics{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "tasks", Help: "Tasks that have not ended, as far as this process works on them.",
		}, []string{"state", "model"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "tasks_ended_total", Help: "Tasks that have ended.",
		}, []string{"state", "model"}),
		queued: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "queue_seconds", Help: "From the order until the service took it.", Buckets: waits,
		}, []string{"model"}),
		total: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "task_seconds", Help: "From the order until the task ended.", Buckets: waits,
		}, []string{"model"}),
		spent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "spent_cny_total", Help: "List price of what was billed, in CNY.",
		}, []string{"model"}),
		pictures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "pictures_kept_total", Help: "Pictures that were fetched and kept.",
		}, []string{"model"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "picture_bytes_total", Help: "Bytes of the pictures that were kept.",
		}),
		upstream: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "upstream_seconds", Help: "Requests to the service, by what came of them.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 12),
		}, []string{"op", "outcome"}),
		counted: make(map[string]*progress),
		settled: newRecent(maxSettled),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.open, m.ended, m.queued, m.total, m.spent, m.pictures, m.bytes, m.upstream)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return m
}

// ServeHTTP writes the figures.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Upstream counts one request to the service.
func (m *Metrics) Upstream(op, outcome string, took time.Duration) {
	m.upstream.WithLabelValues(op, outcome).Observe(took.Seconds())
}

// Task counts what is new about a task.
func (m *Metrics) Task(t tasks.Task) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.settled.has(t.ID) {
		return
	}
	model := t.Request.Model
	p := m.counted[t.ID]
	if p == nil {
		p = &progress{pictures: make(map[int]bool)}
		m.counted[t.ID] = p
	}
	if !p.submitted && !t.Submitted.IsZero() {
		p.submitted = true
		m.queued.WithLabelValues(model).Observe(t.Submitted.Sub(t.Created).Seconds())
	}
	if p.state != t.State {
		m.entered(t, p.state)
		p.state = t.State
	}
	for _, one := range t.Pictures {
		if one.IsKept() && !p.pictures[one.N] {
			p.pictures[one.N] = true
			m.pictures.WithLabelValues(model).Inc()
			m.bytes.Add(float64(one.Kept.Bytes))
		}
	}
	if t.Settled() {
		delete(m.counted, t.ID)
		m.settled.add(t.ID)
	}
}

// entered counts a task's change of state. What was simulated cost nothing.
func (m *Metrics) entered(t tasks.Task, from tasks.State) {
	model := t.Request.Model
	if from != "" && !from.Terminal() {
		m.open.WithLabelValues(string(from), model).Dec()
	}
	if !t.State.Terminal() {
		m.open.WithLabelValues(string(t.State), model).Inc()
		return
	}
	m.ended.WithLabelValues(string(t.State), model).Inc()
	m.total.WithLabelValues(model).Observe(time.Since(t.Created).Seconds())
	if t.Billed > 0 && !t.Simulated {
		m.spent.WithLabelValues(model).Add(t.Price.Float64())
	}
}
