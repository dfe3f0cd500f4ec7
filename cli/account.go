package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"wan-image-mcp/dashscope"
)

// The variables that the service's official SDKs use too.
const (
	envKey     = "DASHSCOPE_API_KEY"
	envKeyFile = "DASHSCOPE_API_KEY_FILE_PATH"
	envBase    = "DASHSCOPE_HTTP_BASE_URL"
	envBaseOld = "DASHSCOPE_BASE_URL"
)

// account is the service as this user reaches it.
type account struct {
	key     dashscope.Secret // "" when there is none
	keyFrom string           // the variable it came from
	// keyOpen is the file with the key when other users can read it.
	keyOpen string
	base    string // without a slash at the end
	// baseFrom is the variable that replaced the region's address, "" for none.
	baseFrom string
}

// account reads key and address from the environment.
func (p *program) account(s *settings) (account, error) {
	var a account
	var err error
	for _, name := range []string{envBase, envBaseOld} {
		if a.base = p.getenv(name); a.base != "" {
			a.baseFrom = name
			break
		}
	}
	if a.base == "" {
		a.base, err = s.region.BaseURL(s.workspace)
	} else {
		a.base, err = checkBase(a.base, a.baseFrom)
	}
	if err != nil {
		return a, &usageError{err}
	}
	if err := a.readKey(p.getenv); err != nil {
		return a, &usageError{err}
	}
	return a, nil
}

// checkBase finds what would not work or would show the key to the network.
func checkBase(text, variable string) (string, error) {
	base, err := dashscope.CheckBaseURL(text)
	if err != nil {
		return "", fmt.Errorf("%s is %w", variable, err)
	}
	return base, nil
}

// readKey takes the key from its variable, else from the file.
func (a *account) readKey(getenv func(string) string) error {
	if key := strings.TrimSpace(getenv(envKey)); key != "" {
		a.key, a.keyFrom = dashscope.Secret(key), envKey
		return checkKey(key, envKey)
	}
	path := getenv(envKeyFile)
	if path == "" {
		return nil
	}
	a.keyFrom = envKeyFile
	text, open, err := readKeyFile(path)
	if err != nil {
		return withHint(fmt.Errorf("%s: %w", envKeyFile, err), "name a file that holds the key and nothing else")
	}
	if open {
		a.keyOpen = path
	}
	a.key = dashscope.Secret(text)
	return checkKey(text, envKeyFile)
}

const maxKeyFile = 4096

// readKeyFile reads a key and reports whether other users can read it too.
func readKeyFile(path string) (key string, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	if info.IsDir() {
		return "", false, fmt.Errorf("%s is a folder", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return "", false, err
	}
	key = strings.TrimSpace(string(b))
	switch {
	case len(b) > maxKeyFile:
		return "", false, fmt.Errorf("%s is too large for a key", path)
	case key == "":
		return "", false, fmt.Errorf("%s is empty", path)
	}
	return key, runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0, nil
}

// checkKey finds what cannot be sent at all; it never shows the key.
func checkKey(key, variable string) error {
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return withHint(errors.New(variable+" holds something that is no key: it has blanks, line ends or letters that keys do not have"),
				"copy the key again: one word that starts with sk-")
		}
	}
	return nil
}

// keyTrouble says what looks wrong with a key, "" for nothing. The service has
// the last word.
func keyTrouble(key string) string {
	switch {
	case strings.HasPrefix(key, "sk-sp-"):
		return "the key starts with sk-sp-: it belongs to a Coding or Token Plan, which does not serve these models; " +
			"create an ordinary API key in the Model Studio console"
	case strings.HasPrefix(strings.ToLower(key), "bearer"):
		return "the key starts with the word Bearer: leave that out"
	case strings.HasPrefix(key, `"`) || strings.HasPrefix(key, "'"):
		return "the key stands in quotation marks: leave them out"
	case !strings.HasPrefix(key, "sk-"):
		return "the key does not start with sk-, as the service's keys do"
	case len(key) < 20:
		return "the key is shorter than the service's keys: it may have been cut when it was copied"
	}
	return ""
}

// accountMark is between service and account.
const accountMark = "#"

// upstream names service and account in the journal, without the key.
func (a account) upstream() string {
	sum := sha256.Sum256([]byte(a.key.Reveal()))
	return a.base + accountMark + hex.EncodeToString(sum[:])[:12]
}
