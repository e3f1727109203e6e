package server_test

import (
	"flag"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest/scenarios"
)

var update = flag.Bool("update", false, "write what the scenarios expect anew")

// TestScenarios runs the golden conversations of testdata/scenarios, whose README has
// their format.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scenarios.Run(t, "testdata/scenarios", *update)
}
