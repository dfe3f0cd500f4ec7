package cli

import "github.com/spf13/cobra"

// Root is the command tree, for tests that look at every flag.
func Root() *cobra.Command { return (&program{}).root() }

// EnvName is the variable of a flag.
var EnvName = envName

// Passing tells a program that go run has built.
var Passing = passing

// Getenv is what the program takes a variable for.
func Getenv(environ []string, name string) string { return newEnvironment(environ).getenv(name) }
