package providertest

import "math"

// toolRule is a tool.
func toolRule(g *grammar) rule {
	grammar := object(map[string]field{"definition": must(text), "syntax": must(oneOf("lark", "regex"))})
	format := tagged("type", map[string]rule{
		"text":    object(map[string]field{"type": must(text)}),
		"grammar": object(map[string]field{"type": must(text), "grammar": must(grammar)}),
	})
	return tagged("type", g.kinds("tool", map[string]rule{
		"function": object(g.fields("tool", map[string]field{"type": must(text), "function": must(functionRule)})),
		"custom": object(map[string]field{
			"type": must(text),
			"custom": must(object(map[string]field{
				"name": must(name), "description": may(text), "format": may(format),
			})),
		}),
	}))
}

// functionFields are the members of a function.
func functionFields() map[string]field {
	return map[string]field{
		"name": must(name), "description": may(text), "parameters": may(anyObject), "strict": may(nullable(boolean)),
	}
}

// functionRule is a function with a schema that can be one of parameters.
func functionRule(j *judge, path string, n *node) *APIError {
	if e := object(functionFields())(j, path, n); e != nil {
		return e
	}
	parameters := n.get("parameters")
	if parameters == nil || len(parameters.members) == 0 {
		return nil
	}
	at := under(path, "parameters")
	if t := parameters.get("type").str(); t != "object" {
		return refuse(at, "invalid_function_parameters", "Invalid schema for function '%s': its type must be \"object\", not %q.", n.get("name").str(), t)
	}
	if n.get("strict").is() {
		if why := strictSchema(parameters, ""); why != "" {
			return refuse(at, "invalid_function_parameters", "Invalid schema for function '%s': %s.", n.get("name").str(), why)
		}
	}
	return nil
}

// toolChoiceRule is which tools are called.
func toolChoiceRule() rule {
	chosen := object(map[string]field{"name": must(name)})
	return either(oneOf("none", "auto", "required"), tagged("type", map[string]rule{
		"function": object(map[string]field{"type": must(text), "function": must(chosen)}),
		"custom":   object(map[string]field{"type": must(text), "custom": must(chosen)}),
		"allowed_tools": object(map[string]field{
			"type": must(text),
			"allowed_tools": must(object(map[string]field{
				"mode": must(oneOf("auto", "required")), "tools": must(array(1, math.MaxInt32, anyObject)),
			})),
		}),
	}))
}

// formatRule is the shape of the reply.
func formatRule(g *grammar) rule {
	plain := object(map[string]field{"type": must(text)})
	schema := object(map[string]field{
		"name": must(name), "description": may(text), "schema": may(anyObject), "strict": may(nullable(boolean)),
	})
	return tagged("type", g.kinds("format", map[string]rule{
		"text":        plain,
		"json_object": plain,
		"json_schema": object(map[string]field{"type": must(text), "json_schema": must(func(j *judge, path string, n *node) *APIError {
			if e := schema(j, path, n); e != nil {
				return e
			}
			if !n.get("strict").is() {
				return nil
			}
			if why := strictSchema(n.get("schema"), ""); why != "" {
				return refuse("response_format", "", "Invalid schema for response_format '%s': %s.", n.get("name").str(), why)
			}
			return nil
		})}),
	}))
}

// strictSchema says what a strict schema lacks: every object must close itself and
// require all of its properties. Empty: nothing.
func strictSchema(s *node, at string) string {
	where := "in context (" + at + ")"
	if s.get("properties") != nil || s.get("type").str() == "object" {
		if more := s.get("additionalProperties"); more == nil || more.kind != kindBool || more.yes {
			return where + ", 'additionalProperties' must be there and false"
		}
		required := map[string]bool{}
		for _, r := range s.get("required").items() {
			required[r.str()] = true
		}
		if p := s.get("properties"); p != nil {
			for _, m := range p.members {
				if !required[m.name] {
					return where + ", 'required' must name every property, and '" + m.name + "' is missing"
				}
			}
		}
	}
	for _, group := range []string{"properties", "$defs", "definitions"} {
		if g := s.get(group); g != nil {
			for _, m := range g.members {
				if why := strictSchema(m.value, at+"/"+group+"/"+m.name); why != "" {
					return why
				}
			}
		}
	}
	if items := s.get("items"); items != nil {
		if why := strictSchema(items, at+"/items"); why != "" {
			return why
		}
	}
	for _, branch := range s.get("anyOf").items() {
		if why := strictSchema(branch, at+"/anyOf"); why != "" {
			return why
		}
	}
	return ""
}
