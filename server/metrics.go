package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wan-image-mcp/tasks"
)

// Metrics are figures for Prometheus: what was ordered, how long it took, what it
// cost, and how the service upstream answered. Tell them of tasks with m.Watch, and of
// calls upstream with Client.Observe = m.Upstream.
type Metrics struct {
	handler http.Handler

	open     *prometheus.Desc
	ended    *prometheus.CounterVec
	queued   *prometheus.HistogramVec
	total    *prometheus.HistogramVec
	spent    *prometheus.CounterVec
	pictures *prometheus.CounterVec
	bytes    prometheus.Counter
	upstream *prometheus.HistogramVec

	mu      sync.Mutex
	service *tasks.Service       // nil before Watch
	counted map[string]*progress // of the tasks that are not settled
	settled *recent
}

// progress is what was counted of a task so far.
type progress struct {
	submitted, ended bool
	pictures         map[int]bool
}

// maxSettled is how many settled tasks are remembered, so that news of one that
// comes late does not count it again.
const maxSettled = 10_000

// NewMetrics makes Metrics with a registry of their own.
func NewMetrics() *Metrics {
	const namespace = "wan_image_mcp"
	waits := prometheus.ExponentialBuckets(0.5, 2, 12) // half a second to 17 minutes
	m := &Metrics{
		open: prometheus.NewDesc(namespace+"_tasks", "Tasks that have not ended, whichever process works on them.", []string{"state", "model"}, nil),
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
	registry.MustRegister(openTasks{m}, m.ended, m.queued, m.total, m.spent, m.pictures, m.bytes, m.upstream)
	// Without the journal the figures of this process are still worth having; what
	// failed is counted as promhttp_metric_handler_errors_total.
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, Registry: registry})
	return m
}

// ServeHTTP writes the figures.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.handler.ServeHTTP(w, r) }

// Watch counts what happens to the tasks of a service, until stop.
func (m *Metrics) Watch(s *tasks.Service) (stop func()) {
	m.mu.Lock()
	m.service = s
	m.mu.Unlock()
	return s.Subscribe(m.task)
}

// openTasks counts the tasks that have not ended, when somebody asks.
type openTasks struct{ *Metrics }

// countTime is how long counting may take.
const countTime = 5 * time.Second

// Describe and Collect make it a [prometheus.Collector].
func (o openTasks) Describe(to chan<- *prometheus.Desc) { to <- o.open }

// Collect counts.
func (o openTasks) Collect(to chan<- prometheus.Metric) {
	o.mu.Lock()
	service := o.service
	o.mu.Unlock()
	if service == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTime)
	defer cancel()
	open, err := service.Unfinished(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(o.open, err)
		return
	}
	type labels struct{ state, model string }
	count := map[labels]int{}
	for _, t := range open {
		count[labels{string(t.State), t.Request.Model}]++
	}
	for l, n := range count {
		to <- prometheus.MustNewConstMetric(o.open, prometheus.GaugeValue, float64(n), l.state, l.model)
	}
}

// Upstream counts one request to the service.
func (m *Metrics) Upstream(op, outcome string, took time.Duration) {
	m.upstream.WithLabelValues(op, outcome).Observe(took.Seconds())
}

// task counts what is new about a task.
func (m *Metrics) task(t tasks.Task) {
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
	if !p.ended && t.State.Terminal() {
		p.ended = true
		m.end(t)
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

// end counts the end of a task. What was simulated cost nothing.
func (m *Metrics) end(t tasks.Task) {
	model := t.Request.Model
	m.ended.WithLabelValues(string(t.State), model).Inc()
	m.total.WithLabelValues(model).Observe(time.Since(t.Created).Seconds())
	if t.Billed > 0 && !t.Simulated {
		m.spent.WithLabelValues(model).Add(t.Price.Float64())
	}
}
