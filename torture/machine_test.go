package torture_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// key is what the program gets as its API key: nobody may ever say or write it.
const key = "sk-canary00000000000000000000001"

// machine is a user's computer with the simulated service at its other end.
type machine struct {
	t       *testing.T
	home    string
	state   string
	service *service
	base    string // of the service, as the program is told
	images  string // HOST:PORT of the pictures, as the program is told
	budget  int    // images a day; 0 means no limit
}

func newMachine(t *testing.T, speed string) *machine {
	t.Helper()
	home := t.TempDir()
	m := &machine{t: t, home: home, state: filepath.Join(home, "state")}
	m.service = m.simulate(speed)
	m.base, m.images = m.service.base, m.service.host
	return m
}

// at puts the service behind another address.
func (m *machine) at(address string) {
	m.base, m.images = "http://"+address+"/api/v1", address
}

// env is all that the program sees of this process's environment.
func (m *machine) env() []string {
	env := []string{
		"HOME=" + m.home, "USERPROFILE=" + m.home, "LOCALAPPDATA=" + m.home, "PATH=" + os.Getenv("PATH"),
		"DASHSCOPE_API_KEY=" + key, "DASHSCOPE_HTTP_BASE_URL=" + m.base,
		"WAN_IMAGE_MCP_ALLOW_IMAGE_HOST=" + m.images, "WAN_IMAGE_MCP_STATE_DIR=" + m.state,
		"WAN_IMAGE_MCP_OUTPUT_DIR=none", "WAN_IMAGE_MCP_RESULT_IMAGES=none", "WAN_IMAGE_MCP_UNKNOWN_GRACE=3s",
		fmt.Sprint("WAN_IMAGE_MCP_BUDGET_IMAGES_PER_DAY=", m.budget), "WAN_IMAGE_MCP_LOG_LEVEL=debug",
	}
	if root := os.Getenv("SystemRoot"); root != "" {
		env = append(env, "SystemRoot="+root)
	}
	return env
}

// until waits for something to become true.
func until(t *testing.T, within time.Duration, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s without %s", within, what)
		}
	}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("a message of the test itself: ", err))
	}
	return b
}
