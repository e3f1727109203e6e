package providertest

import (
	"encoding/base64"
	"math"
	"strings"
)

// requestRule is the shape of a whole request.
func requestRule(g *grammar) rule {
	effort := oneOf("none", "minimal", "low", "medium", "high", "xhigh", "max")
	return object(g.fields("request", map[string]field{
		"model":                  must(text),
		"messages":               must(array(1, math.MaxInt32, messageRule(g))),
		"tools":                  may(array(1, 128, toolRule(g))),
		"tool_choice":            may(toolChoiceRule()),
		"parallel_tool_calls":    may(boolean),
		"functions":              may(array(1, 128, object(functionFields()))),
		"function_call":          may(either(oneOf("none", "auto"), object(map[string]field{"name": must(name)}))),
		"response_format":        may(formatRule(g)),
		"temperature":            may(nullable(decimal(0, 2))),
		"top_p":                  may(nullable(decimal(0, 1))),
		"frequency_penalty":      may(nullable(decimal(-2, 2))),
		"presence_penalty":       may(nullable(decimal(-2, 2))),
		"n":                      may(nullable(integer(1, 128))),
		"max_tokens":             may(nullable(integer(1, math.MaxInt32))),
		"max_completion_tokens":  may(nullable(integer(1, math.MaxInt32))),
		"logprobs":               may(nullable(boolean)),
		"top_logprobs":           may(nullable(integer(0, 20))),
		"logit_bias":             may(nullable(biasRule)),
		"seed":                   may(nullable(integer(math.MinInt64, math.MaxInt64))),
		"stop":                   may(nullable(either(text, array(1, 4, text)))),
		"stream":                 may(nullable(boolean)),
		"stream_options":         may(nullable(streamOptionsRule(g))),
		"modalities":             may(nullable(array(1, 2, oneOf("text", "audio")))),
		"audio":                  may(nullable(audioRule())),
		"prediction":             may(nullable(predictionRule())),
		"reasoning_effort":       may(nullable(effort)),
		"verbosity":              may(nullable(oneOf("low", "medium", "high"))),
		"service_tier":           may(nullable(oneOf("auto", "default", "flex", "scale", "priority", "fast"))),
		"store":                  may(nullable(boolean)),
		"metadata":               may(nullable(textMap(16, 64, 512))),
		"user":                   may(text),
		"safety_identifier":      may(nullable(textUpTo(64))),
		"prompt_cache_key":       may(nullable(text)),
		"prompt_cache_retention": may(nullable(oneOf("in_memory", "24h"))),
		"prompt_cache_options":   may(object(map[string]field{"ttl": may(oneOf("30m")), "mode": may(oneOf("implicit", "explicit"))})),
		"web_search_options":     may(searchRule()),
		"moderation":             may(nullable(object(map[string]field{"model": must(text), "policy": may(nullable(anyObject))}))),
	}))
}

// streamOptionsRule is how a stream is told.
func streamOptionsRule(g *grammar) rule {
	return object(g.fields("stream_options", map[string]field{"include_usage": may(boolean), "include_obfuscation": may(boolean)}))
}

// messageRule is a message, by its role.
func messageRule(g *grammar) rule {
	textPart := object(g.fields("part", map[string]field{"type": must(text), "text": must(text), "prompt_cache_breakpoint": may(anyObject)}))
	words := either(text, array(1, math.MaxInt32, tagged("type", map[string]rule{"text": textPart})))
	of := func(role string, fields map[string]field) rule {
		return object(g.fields(role, g.fields("message", fields)))
	}
	said := func(role string) rule {
		return of(role, map[string]field{"role": must(text), "content": must(words), "name": may(name)})
	}
	return tagged("role", g.kinds("role", map[string]rule{
		"developer": said("developer"),
		"system":    said("system"),
		"user": of("user", map[string]field{
			"role": must(text), "name": may(name),
			"content": must(either(text, array(1, math.MaxInt32, userPartRule(g, textPart)))),
		}),
		"assistant": assistantRule(g, textPart),
		"tool":      of("tool", map[string]field{"role": must(text), "content": must(words), "tool_call_id": must(text)}),
		"function":  of("function", map[string]field{"role": must(text), "content": must(nullable(text)), "name": must(name)}),
	}))
}

// assistantRule is an assistant's message.
func assistantRule(g *grammar, textPart rule) rule {
	called := object(map[string]field{"name": must(name), "arguments": must(text)})
	refusal := object(map[string]field{"type": must(text), "refusal": must(text)})
	parts := array(1, math.MaxInt32, tagged("type", g.kinds("assistant part", map[string]rule{"text": textPart, "refusal": refusal})))
	shape := object(g.fields("assistant", g.fields("message", map[string]field{
		"role": must(text), "name": may(name),
		"content":       may(nullable(either(text, parts))),
		"refusal":       may(nullable(text)),
		"annotations":   may(nullable(array(0, math.MaxInt32, anyObject))),
		"audio":         may(nullable(object(map[string]field{"id": must(text)}))),
		"function_call": may(nullable(called)),
		"tool_calls": may(array(1, 128, tagged("type", g.kinds("call", map[string]rule{
			"function": object(g.fields("call", map[string]field{"id": must(text), "type": must(text), "function": must(called)})),
			"custom": object(map[string]field{
				"id": must(text), "type": must(text),
				"custom": must(object(map[string]field{"name": must(name), "input": must(text)})),
			}),
		})))),
	})))
	return func(j *judge, path string, n *node) *APIError {
		if e := shape(j, path, n); e != nil {
			return e
		}
		for _, says := range []string{"content", "refusal", "audio", "function_call", "tool_calls"} {
			if n.get(says).set() {
				return nil
			}
		}
		at := under(path, "content")
		return refuse(at, "invalid_type", "Invalid value for '%s': expected a string, got null.", at)
	}
}

// userPartRule is a part of a user's message.
func userPartRule(g *grammar, textPart rule) rule {
	part := func(more map[string]field) rule {
		more["type"], more["prompt_cache_breakpoint"] = must(text), may(anyObject)
		return object(g.fields("part", more))
	}
	return tagged("type", g.kinds("part", map[string]rule{
		"text": textPart,
		"image_url": part(map[string]field{
			"image_url": must(object(map[string]field{"url": must(g.image()), "detail": may(oneOf("auto", "low", "high"))})),
		}),
		"input_audio": part(map[string]field{
			"input_audio": must(object(map[string]field{"data": must(encoded), "format": must(oneOf("wav", "mp3"))})),
		}),
		"file": part(map[string]field{
			"file": must(object(map[string]field{"filename": may(text), "file_data": may(text), "file_id": may(text)})),
		}),
	}))
}

// imageURL takes addresses and data URLs.
func imageURL(j *judge, path string, n *node) *APIError {
	if e := text(j, path, n); e != nil {
		return e
	}
	if strings.HasPrefix(n.text, "https://") || strings.HasPrefix(n.text, "http://") {
		return nil
	}
	head, data, ok := strings.Cut(n.text, ",")
	if !ok || !strings.HasPrefix(head, "data:image/") || !strings.HasSuffix(head, ";base64") {
		return refuse(path, "invalid_image_url", "Invalid '%s': neither an http address nor a data URL of an image.", path)
	}
	if _, err := base64.StdEncoding.DecodeString(data); err != nil {
		return refuse(path, "invalid_base64", "Invalid '%s': the image is not valid base64.", path)
	}
	return nil
}

// encoded takes base64.
func encoded(j *judge, path string, n *node) *APIError {
	if e := text(j, path, n); e != nil {
		return e
	}
	if _, err := base64.StdEncoding.DecodeString(n.text); err != nil {
		return refuse(path, "invalid_base64", "Invalid '%s': not valid base64.", path)
	}
	return nil
}

// biasRule takes a map of token ids to biases.
func biasRule(j *judge, path string, n *node) *APIError {
	if e := anyObject(j, path, n); e != nil {
		return e
	}
	for _, m := range n.members {
		if e := integer(-100, 100)(j, under(path, m.name), m.value); e != nil {
			return e
		}
	}
	return nil
}

// audioRule is how a spoken reply sounds.
func audioRule() rule {
	return object(map[string]field{
		"voice":  must(either(text, object(map[string]field{"id": must(text)}))),
		"format": must(oneOf("wav", "aac", "mp3", "flac", "opus", "pcm16")),
	})
}

// predictionRule is a text that the reply will likely repeat.
func predictionRule() rule {
	part := object(map[string]field{"type": must(text), "text": must(text)})
	return object(map[string]field{
		"type":    must(oneOf("content")),
		"content": must(either(text, array(1, math.MaxInt32, tagged("type", map[string]rule{"text": part})))),
	})
}

// searchRule is how the web is searched.
func searchRule() rule {
	place := object(map[string]field{"country": may(text), "region": may(text), "city": may(text), "timezone": may(text)})
	return object(map[string]field{
		"search_context_size": may(oneOf("low", "medium", "high")),
		"user_location":       may(nullable(object(map[string]field{"type": must(oneOf("approximate")), "approximate": must(place)}))),
	})
}
