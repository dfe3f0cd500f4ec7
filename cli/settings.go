package cli

import (
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"wan-image-mcp/dashscope"
)

// settings are what flags and variables say about the service, money and disks.
// A command offers the groups of flags that mean something to it.
type settings struct {
	log logging

	simulate  bool
	speed     float64
	region    dashscope.Region
	workspace string

	stateDir   string
	maxStore   int64
	imageHosts []string
	imageNets  []netip.Prefix

	models       []string
	defaultModel string
	sync         bool
	grace        time.Duration
	perCall      int64
	perDay       int64

	waits bool // not a flag: the command waits for what it orders
}

// whichFlags say which service is meant.
func (s *settings) whichFlags(f *pflag.FlagSet) {
	f.BoolVar(&s.simulate, "simulate", false, "use the built-in simulator: real PNG files, no key, no cost")
	s.regionFlags(f)
}

// serviceFlags say which service works, and how fast.
func (s *settings) serviceFlags(f *pflag.FlagSet) {
	s.whichFlags(f)
	set(f, &s.speed, "simulate-speed", "10", "FACTOR", "how much faster than life the built-in simulator works", parseSpeed)
}

// regionFlags say where the service is.
func (s *settings) regionFlags(f *pflag.FlagSet) {
	set(f, &s.region, "region", string(dashscope.Beijing), regionWords(), "region of the service; a key works in one region only", dashscope.ParseRegion)
	f.StringVar(&s.workspace, "workspace", "", "`ID` of your workspace: use its own host instead of the region's")
}

func regionWords() string {
	var words []string
	for _, r := range dashscope.Regions() {
		words = append(words, string(r))
	}
	return strings.Join(words, "|")
}

// stateFlag says where orders and pictures are kept.
func (s *settings) stateFlag(f *pflag.FlagSet) {
	f.StringVar(&s.stateDir, "state-dir", "", "`FOLDER` for journal and pictures (default wan-image-mcp in the user's state folder)")
}

// stateFlags say where and how many pictures are kept.
func (s *settings) stateFlags(f *pflag.FlagSet) {
	s.stateFlag(f)
	set(f, &s.maxStore, "max-store-bytes", "2147483648", "BYTES", "how much the kept pictures may take; the oldest delivered ones go first", between(1, math.MaxInt64))
}

// fetchFlags say how open tasks are brought to their end.
func (s *settings) fetchFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.imageHosts, "allow-image-host", nil, "`HOST:PORT` that pictures may come from besides Alibaba's own, plain http too; may be repeated")
	set(f, &s.imageNets, "allow-image-range", "", "CIDR", "address range that counts as public for pictures, for a VPN that gives every name an address of its own (198.18.0.0/15); several are separated by commas", parseRanges)
	set(f, &s.grace, "unknown-grace", "60s", "DURATION", "how long to look for an order whose answer was lost before it counts as not submitted", parseGrace)
	set(f, &s.perDay, "budget-images-per-day", "200", "N", "how many images may be bought a day, from local midnight; 0 means no limit", between(0, math.MaxInt32))
}

// orderFlags say what may be ordered.
func (s *settings) orderFlags(f *pflag.FlagSet) {
	f.BoolVar(&s.sync, "sync", false, "use the synchronous endpoint of wan2.6-t2i; an answer that is lost then cannot be recovered")
	set(f, &s.perCall, "max-images-per-call", "4", "N", "how many images one call may order", between(1, 4))
	s.modelFlags(f)
}

// modelFlags say which models there are.
func (s *settings) modelFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.models, "models", nil, "enabled `MODELS`, separated by commas (default all that the region serves)")
	f.StringVar(&s.defaultModel, "default-model", "", "`MODEL` of a call that names none (default "+dashscope.DefaultModel+", or else the first enabled one)")
}

// resolve fills in what depends on other settings and finds what contradicts.
func (s *settings) resolve(getenv func(string) string) error {
	if err := s.resolveModels(); err != nil {
		return &usageError{err}
	}
	if s.stateDir == "" {
		dir, err := stateDir(runtime.GOOS, getenv)
		if err != nil {
			return &usageError{err}
		}
		s.stateDir = dir
	}
	dir, err := filepath.Abs(s.stateDir)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	s.stateDir = dir
	for _, host := range s.imageHosts {
		if _, err := parseAddress(host); err != nil {
			return usagef("--allow-image-host: %w", err)
		}
	}
	return nil
}

// place is where this run keeps its things: simulation has a folder of its own,
// so that play and money never mix.
func (s *settings) place() string {
	if s.simulate {
		return filepath.Join(s.stateDir, "simulated")
	}
	return s.stateDir
}

// resolveModels turns every spelling into the one that users see.
func (s *settings) resolveModels() error {
	var enabled []string
	for _, name := range s.models {
		if strings.TrimSpace(name) == "" {
			continue
		}
		m, err := dashscope.ParseModel(name)
		if err != nil {
			return fmt.Errorf("--models: %w", err)
		}
		if _, ok := m.Offer(s.region); !ok {
			return fmt.Errorf("--models: region %s does not serve %s", s.region, m.ID)
		}
		if !slices.Contains(enabled, m.ID) {
			enabled = append(enabled, m.ID)
		}
	}
	if enabled == nil {
		enabled = modelsOf(s.region)
	}
	s.models = enabled
	switch {
	case s.defaultModel != "":
		m, err := dashscope.ParseModel(s.defaultModel)
		if err != nil {
			return fmt.Errorf("--default-model: %w", err)
		}
		s.defaultModel = m.ID
	case slices.Contains(enabled, dashscope.DefaultModel):
		s.defaultModel = dashscope.DefaultModel
	default:
		s.defaultModel = enabled[0]
	}
	if !slices.Contains(enabled, s.defaultModel) {
		return fmt.Errorf("--default-model: %s is not enabled; enabled are %s", s.defaultModel, strings.Join(enabled, ", "))
	}
	return nil
}

// modelsOf lists the models of a region in catalogue order.
func modelsOf(region dashscope.Region) []string {
	var ids []string
	for _, m := range dashscope.Served(nil, region) {
		ids = append(ids, m.ID)
	}
	return ids
}
