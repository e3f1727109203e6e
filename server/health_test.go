package server_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/servertest"
)
