// Signalbox is an AI gateway: one typed API over gRPC and OpenAI's REST API, any
// provider behind it, every call planned before it runs and recorded after.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// version is set by the linker in releases.
var version = "0.1.0"

// job is one thing that the program does.
type job struct {
	name    string
	summary string
	run     func(args []string) error
}

func jobs() []job {
	return []job{
		{"serve", "serve calls (the default)", serve},
		{"validate", "check the configuration and stop", validate},
		{"explain", "show the plan of a call without making it", explain},
		{"version", "print the version", printVersion},
	}
}

func main() {
	args := os.Args[1:]
	name := "serve"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	all := jobs()
	if len(os.Args) == 2 && (os.Args[1] == "-h" || os.Args[1] == "--help" || os.Args[1] == "help") {
		_, _ = io.WriteString(os.Stdout, usage(all)) // who closed it does not want to read
		return
	}
	i := slices.IndexFunc(all, func(j job) bool { return j.name == name })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "signalbox: there is no job %q\n\n%s", name, usage(all))
		os.Exit(2)
	}
	if err := all[i].run(args); err != nil {
		fmt.Fprintf(os.Stderr, "signalbox: %v\n", err)
		os.Exit(1)
	}
}

// usage lists the jobs.
func usage(all []job) string {
	var b strings.Builder
	for _, j := range all {
		fmt.Fprintf(&b, "  signalbox %-9s %s\n", j.name, j.summary)
	}
	b.WriteString("\nsignalbox JOB --help lists the flags of a job.\n")
	return b.String()
}

func printVersion([]string) error {
	_, err := fmt.Fprintln(os.Stdout, version)
	return err
}
