package openapi

import "encoding/json"

func (d *Document) root() *object {
	license := &object{}
	license.add("name", d.License)
	license.add("identifier", d.License)
	info := &object{}
	info.add("title", d.Title)
	info.add("version", d.Version)
	info.text("description", d.Description)
	info.add("license", license)
	server := &object{}
	server.add("url", d.Server)

	o := &object{}
	o.add("openapi", "3.1.0")
	o.add("info", info)
	o.add("servers", []*object{server})
	o.add("security", bearer())
	o.add("tags", d.tags())
	o.add("paths", d.paths())
	o.add("components", d.components())
	o.add("x-signalbox-error-reasons", d.reasons())
	return o
}

// bearer is the security requirement of everything that is not public.
func bearer() []*object {
	o := &object{}
	o.add("bearer", []string{})
	return []*object{o}
}

func (d *Document) tags() []*object {
	list := make([]*object, 0, len(d.Tags))
	for _, t := range d.Tags {
		o := &object{}
		o.add("name", t.Name)
		o.text("description", t.Description)
		list = append(list, o)
	}
	return list
}

func (d *Document) paths() *object {
	paths, byPath := &object{}, map[string]*object{}
	for _, op := range d.Operations {
		item, ok := byPath[op.Path]
		if !ok {
			item = &object{}
			byPath[op.Path] = item
			paths.add(op.Path, item)
		}
		item.add(op.Method, d.operation(op))
	}
	return paths
}

func (d *Document) operation(op *Operation) *object {
	o := &object{}
	o.add("operationId", op.ID)
	o.text("summary", op.Summary)
	o.text("description", op.Description)
	o.add("tags", []string{op.Tag})
	o.flag("deprecated", op.Deprecated)
	if op.Public {
		o.add("security", []*object{})
	}
	o.text("x-signalbox-scope", op.Scope)
	o.text("x-signalbox-rpc", op.RPC)
	o.text("x-signalbox-stream-rpc", op.StreamRPC)
	if len(op.Parameters) > 0 {
		list := make([]*object, 0, len(op.Parameters))
		for _, p := range op.Parameters {
			list = append(list, parameter(p))
		}
		o.add("parameters", list)
	}
	if op.Body != nil {
		body, content := &object{}, Content{MediaType: "application/json", Schema: op.Body.Schema, Example: op.Body.Example}
		body.add("required", true)
		body.add("content", contents([]Content{content}))
		o.add("requestBody", body)
	}
	o.add("responses", d.responses(op))
	return o
}

func parameter(p *Parameter) *object {
	o := &object{}
	o.add("name", p.Name)
	o.add("in", p.In)
	o.text("description", p.Description)
	o.flag("required", p.Required)
	o.flag("deprecated", p.Deprecated)
	if p.Deep {
		o.add("style", "deepObject")
		o.add("explode", true)
	}
	o.add("schema", p.Schema)
	o.text("example", p.Example)
	return o
}

func (d *Document) responses(op *Operation) *object {
	o := &object{}
	for _, r := range op.Replies {
		reply := &object{}
		reply.add("description", r.Description)
		d.addHeaders(reply, r.Headers)
		if len(r.Content) > 0 {
			reply.add("content", contents(r.Content))
		}
		o.add(r.Status, reply)
	}
	for _, name := range op.Failures {
		for _, f := range d.Failures {
			if f.Name == name {
				ref := &object{}
				ref.add("$ref", "#/components/responses/"+name)
				o.add(f.Status, ref)
			}
		}
	}
	return o
}

func (d *Document) addHeaders(reply *object, names []string) {
	if len(names) == 0 {
		return
	}
	headers := &object{}
	for _, h := range d.Headers {
		for _, name := range names {
			if h.Component == name {
				ref := &object{}
				ref.add("$ref", "#/components/headers/"+h.Component)
				headers.add(h.Name, ref)
			}
		}
	}
	reply.add("headers", headers)
}

func contents(list []Content) *object {
	o := &object{}
	for _, c := range list {
		media := &object{}
		if c.Schema != nil {
			media.add("schema", c.Schema)
		}
		if c.Example != "" {
			media.add("example", json.RawMessage(c.Example))
		}
		media.text("x-signalbox-transcript", c.Transcript)
		o.add(c.MediaType, media)
	}
	return o
}

func (d *Document) components() *object {
	schemas := &object{}
	for _, p := range d.Schemas {
		schemas.add(p.Name, p.Schema)
	}
	responses := &object{}
	for _, f := range d.Failures {
		r := &object{}
		r.add("description", f.Description)
		d.addHeaders(r, f.Headers)
		r.add("content", contents([]Content{{MediaType: "application/json", Schema: f.Schema}}))
		if len(f.Reasons) > 0 {
			r.add("x-signalbox-error-reasons", f.Reasons)
		}
		responses.add(f.Name, r)
	}
	headers := &object{}
	for _, h := range d.Headers {
		o := &object{}
		o.add("description", h.Description)
		o.add("schema", h.Schema)
		headers.add(h.Component, o)
	}
	scheme := &object{}
	scheme.add("type", "http")
	scheme.add("scheme", "bearer")
	scheme.add("description", "A key of the gateway, as `Authorization: Bearer <key>`.")
	schemes := &object{}
	schemes.add("bearer", scheme)

	o := &object{}
	o.add("schemas", schemas)
	o.add("responses", responses)
	o.add("headers", headers)
	o.add("securitySchemes", schemes)
	return o
}

func (d *Document) reasons() []*object {
	list := make([]*object, 0, len(d.Reasons))
	for _, r := range d.Reasons {
		o := &object{}
		o.add("reason", r.Name)
		o.add("http_status", r.Status)
		o.text("grpc_code", r.Code)
		o.text("description", r.Description)
		list = append(list, o)
	}
	return list
}
