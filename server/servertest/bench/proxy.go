package main

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// proxyCommand is the first argument of the process that is the reverse proxy.
const proxyCommand = "reverse-proxy"

// serveProxy is the measure of all: the standard library's reverse proxy, as it is but
// for keeping enough idle connections to its upstream.
func serveProxy(address, upstream string) error {
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Body = &wholeBody{ReadCloser: r.Out.Body, left: r.Out.ContentLength}
		},
		Transport: &http.Transport{
			MaxIdleConns:        1024,
			MaxIdleConnsPerHost: 1024,
			DisableCompression:  true,
		},
	}
	server := &http.Server{Addr: address, Handler: proxy, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

// wholeBody is a body that knows its end. The reverse proxy breaks a call off, now and
// then on a busy machine, when the reply is quicker than the transport is at looking
// for the end of the request: by then the server has closed the request's body.
type wholeBody struct {
	io.ReadCloser
	left int64
}

func (b *wholeBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
