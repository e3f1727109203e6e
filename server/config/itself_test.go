package config_test

import (
	"strings"
	"testing"
)

func TestTheGatewayIsNotItsOwnUpstream(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		address, url string
		refused      bool
	}{
		{"", "http://127.0.0.1:8080/v1", true}, // the README's line in the gateway's own shell
		{"", "http://localhost:8080/v1", true},
		{"", "http://LocalHost:8080", true},
		{"", "http://[::1]:8080/v1", true},
		{"", "http://[::ffff:127.0.0.1]:8080/v1", true},
		{"", "https://box.localhost:8080/v1", true},
		{"", "https://0.0.0.0:8080/v1", true},
		{"", "https://[::]:8080/v1", true},
		{"", "http://127.0.0.1:8081/v1", false},
		{"", "http://127.0.0.1/v1", false},
		{"", "https://api.example.com:8080/v1", false},
		{":80", "http://127.0.0.1/v1", true},
		{":443", "https://localhost/v1", true},
		{":443", "http://localhost/v1", false},
		{"10.0.0.1:8080", "https://10.0.0.1:8080/v1", true},
		{"10.0.0.1:8080", "https://10.0.0.2:8080/v1", false},
		{"[fd00::1]:8080", "https://[FD00:0::1]:8080/v1", true},
		{"box.example:8080", "https://BOX.example:8080/v1", true},
		{":0", "http://127.0.0.1:0/v1", false},
		{"127.0.0.1:0", "http://127.0.0.1:8080/v1", false},
	} {
		_, err := load(t, "", "SIGNALBOX_MASTER_KEY=0123456789abcdef", "SIGNALBOX_HTTP_ADDR="+test.address, "OPENAI_API_KEY=k", "OPENAI_BASE_URL="+test.url)
		switch {
		case !test.refused && err != nil:
			t.Errorf("%s at %q: error %v", test.url, test.address, err)
		case test.refused && (err == nil || !strings.HasPrefix(err.Error(), "OPENAI_BASE_URL: is this gateway itself (server.http_addr ")):
			t.Errorf("%s at %q: error %v", test.url, test.address, err)
		}
	}
	_, err := load(t, "providers:\n  - name: openai\n    api_key: k\n    base_url: http://127.0.0.1:8080/v1\n")
	if err == nil || !strings.Contains(err.Error(), ":4:15: providers[0].base_url: is this gateway itself (server.http_addr 127.0.0.1:8080)") {
		t.Errorf("in a file: error %v", err)
	}
}
