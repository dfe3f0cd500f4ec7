package cli

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"wan-image-mcp/cli/edit"
)

// entry is this program in a client's configuration.
type entry struct {
	Type    string            `json:"type,omitempty"`
	Command string            `json:"command"`
	Args    []string          `json:"args,omitempty"`
	Env     map[string]string `json:"env,omitempty"`

	// wantsKey means that the API key is to come from where the client gets it,
	// unless there is one in the configuration already.
	wantsKey bool
	// hasKey means that there is one.
	hasKey bool
}

// input is a value that VS Code asks for.
type input struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	Description string `json:"description"`
	Password    bool   `json:"password"`
}

var keyInput = input{Type: "promptString", ID: inputID, Description: "DashScope API key (sk-...)", Password: true}

// put writes an entry into the text of the client's configuration. It keeps all
// else that is there, also what the entry held before beside command and
// arguments. An unchanged text means that all was there.
func (c mcpClient) put(text []byte, name string, e entry) ([]byte, error) {
	if c.toml {
		return c.putTOML(text, name, e)
	}
	d, err := edit.ParseJSON(text)
	if err != nil {
		return nil, fmt.Errorf("it is not valid JSON: %w", err)
	}
	if c.typed {
		e.Type = "stdio"
	}
	there, ok := d.Get(c.servers, name)
	if !ok {
		if e.wantsKey {
			e.Env = withKey(e.Env, c.key)
		}
		err = d.Set(e, c.servers, name)
	} else {
		err = mergeJSON(d, there, e, c.key, c.servers, name)
	}
	if err == nil {
		err = addInput(d, c.servers, name)
	}
	return d.Bytes(), err
}

// hasKey reports whether somebody put a key into the configuration itself.
func (c mcpClient) hasKey(text []byte, name string) bool {
	var env any
	if c.toml {
		if d, err := edit.ParseTOML(text); err == nil {
			table, _ := d.Table(c.servers, name)
			env = table["env"]
		}
	} else if d, err := edit.ParseJSON(text); err == nil {
		env, _ = d.Get(c.servers, name, "env")
	}
	variables, _ := env.(map[string]any)
	return isSet(variables, envKey) && variables[envKey] != c.key
}

// mergeJSON brings an entry that is there up to date.
func mergeJSON(d *edit.JSON, there any, e entry, key string, path ...string) error {
	old, err := localServer(there)
	if err != nil {
		return err
	}
	set := func(value any, names ...string) error {
		at := slices.Concat(path, names)
		if was, _ := d.Get(at...); reflect.DeepEqual(was, value) {
			return nil
		}
		return d.Set(value, at...)
	}
	err = set(e.Command, "command")
	if e.Type != "" {
		err = errors.Join(err, set(e.Type, "type"))
	}
	if args := anys(e.Args); len(args) > 0 || old["args"] != nil {
		err = errors.Join(err, set(args, "args"))
	}
	env, _ := old["env"].(map[string]any)
	given := e.mergeEnv(env, key)
	for _, variable := range slices.Sorted(maps.Keys(given)) {
		err = errors.Join(err, set(given[variable], "env", variable))
	}
	return err
}

// mergeEnv is what the variables of an old entry have to become.
func (e entry) mergeEnv(old map[string]any, key string) map[string]string {
	env := maps.Clone(e.Env)
	switch {
	case e.Env[envKeyFile] != "" && isSet(old, envKey):
		env = withKey(env, "") // the key in it would win over the file
	case e.wantsKey && !isSet(old, envKey) && !isSet(old, envKeyFile):
		env = withKey(env, key)
	}
	return env
}

func withKey(env map[string]string, key string) map[string]string {
	env = maps.Clone(env)
	if env == nil {
		env = map[string]string{}
	}
	env[envKey] = key
	return env
}

// isSet reports whether a variable has a value.
func isSet(env map[string]any, variable string) bool {
	text, _ := env[variable].(string)
	return text != ""
}

// localServer is an entry that is there, unless it is something else than a
// program on this computer.
func localServer(there any) (map[string]any, error) {
	old, ok := there.(map[string]any)
	if !ok {
		return nil, errors.New("what has that name there is no server")
	}
	for _, name := range []string{"url", "httpUrl", "serverUrl"} {
		if old[name] != nil {
			return nil, errors.New("a server at another address has that name there")
		}
	}
	return old, nil
}

// addInput sees to it that VS Code asks for what the entry needs.
func addInput(d *edit.JSON, path ...string) error {
	if key, _ := d.Get(slices.Concat(path, []string{"env", envKey})...); key != "${input:"+inputID+"}" {
		return nil
	}
	all, _ := d.Get("inputs")
	list, _ := all.([]any)
	for _, one := range list {
		if fields, ok := one.(map[string]any); ok && fields["id"] == inputID {
			return nil
		}
	}
	return d.Append(keyInput, "inputs")
}

// putTOML is put for Codex, which names the variables that it hands on.
func (c mcpClient) putTOML(text []byte, name string, e entry) ([]byte, error) {
	d, err := edit.ParseTOML(text)
	if err != nil {
		return nil, fmt.Errorf("it is not valid TOML: %w", err)
	}
	there, _ := d.Table(c.servers, name)
	old, err := localServer(there)
	if err != nil {
		return nil, err
	}
	table := maps.Clone(old)
	if table == nil {
		table = map[string]any{}
	}
	table["command"] = e.Command
	if len(e.Args) > 0 || old["args"] != nil {
		table["args"] = anys(e.Args)
	}
	env, _ := old["env"].(map[string]any)
	if given := e.mergeEnv(env, ""); len(given) > 0 {
		env = maps.Clone(env)
		if env == nil {
			env = map[string]any{}
		}
		for variable, value := range given {
			env[variable] = value
		}
		table["env"] = env
	}
	handOn(table, e)
	if reflect.DeepEqual(table, old) {
		return text, nil
	}
	err = d.SetTable(table, c.servers, name)
	return d.Bytes(), err
}

// handOn has Codex hand the key on, where nothing else brings one.
func handOn(table map[string]any, e entry) {
	env, _ := table["env"].(map[string]any)
	if env[envKey] == "" {
		delete(env, envKey)
	}
	if len(env) == 0 {
		delete(table, "env")
	}
	variables, _ := table["env_vars"].([]any)
	if e.wantsKey && !isSet(env, envKey) && !isSet(env, envKeyFile) && !slices.Contains(variables, any(envKey)) {
		table["env_vars"] = append(slices.Clone(variables), envKey)
	}
}

func anys(words []string) []any {
	all := make([]any, 0, len(words))
	for _, word := range words {
		all = append(all, word)
	}
	return all
}
