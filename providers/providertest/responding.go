package providertest

// responding is how a provider answers responses. Nil: it does not.
type responding struct {
	// less are members of a request that OpenAI takes and it does not; never are values
	// that it refuses, by member.
	less  []string
	never map[string]string
	// ignores are members that it takes and does not heed.
	ignores []string
	// keeps says that responses are stored. Then earlier ones can be continued.
	keeps bool
	// prefixed says that ids begin with what they are of; else a response's is a bare
	// UUID.
	prefixed bool
	// layout and event are the members of a response, and of all events.
	layout, event string
	// thought are those of events of a text that was thought. Empty: as of all.
	thought string
	// items and part are the members of output items, by type, and of a text.
	items map[string]string
	part  string
	// bare says that what is thought is shown as text, without events for its part.
	bare bool
	// shown says that what is thought is shown as text, with all events.
	shown bool
	// more adds the members that only this provider has.
	more func(response *node, streamed bool)
}

// openAIResponding is how OpenAI does.
func openAIResponding() *responding {
	return &responding{
		keeps: true, prefixed: true,
		layout: "id object created_at status background billing completed_at conversation error frequency_penalty incomplete_details instructions " +
			"max_output_tokens max_tool_calls model output parallel_tool_calls presence_penalty previous_response_id prompt_cache_key " +
			"prompt_cache_retention reasoning safety_identifier service_tier store temperature text tool_choice tools top_logprobs top_p " +
			"truncation usage user metadata",
		event: "type response error arguments content_index delta input item item_id logprobs name obfuscation output_index part " +
			"refusal sequence_number summary_index text",
		items: map[string]string{
			"message":          "id type status content role",
			"reasoning":        "id type encrypted_content summary",
			"function_call":    "id type status arguments call_id name",
			"custom_tool_call": "id type status call_id input name",
		},
		part: "type annotations logprobs text refusal",
		more: func(response *node, streamed bool) {
			if !streamed {
				response.put("billing", obj("payer", "developer"))
			}
		},
	}
}

// xaiResponding is how xAI does.
func xaiResponding() *responding {
	return &responding{
		keeps: true, bare: true,
		less: []string{"background", "conversation", "prompt", "context_management", "moderation"},
		layout: "created_at completed_at id max_output_tokens model object output parallel_tool_calls previous_response_id reasoning " +
			"temperature text tool_choice tools top_p usage user incomplete_details status store metadata background service_tier truncation " +
			"top_logprobs presence_penalty frequency_penalty prompt_cache_key max_tool_calls safety_identifier error instructions",
		event:   "sequence_number type response error content_index delta item item_id output_index part summary_index text logprobs arguments input name refusal",
		thought: "sequence_number type delta item_id output_index content_index text",
		items: map[string]string{
			"message":          "content id role type status",
			"reasoning":        "id summary type encrypted_content content status",
			"function_call":    "arguments call_id name type id status",
			"custom_tool_call": "call_id input name type id status",
		},
		part: "type text logprobs annotations refusal",
		more: func(response *node, _ bool) {
			response.put("temperature", spelled("0.699999988079071"))
			response.put("top_p", spelled("0.949999988079071"))
			response.put("text", response.get("text").without("verbosity"))
			if usage := response.get("usage"); usage.set() {
				usage.put("num_sources_used", 0)
				usage.put("num_server_side_tools_used", 0)
				usage.put("cost_in_usd_ticks", 969250)
			}
		},
	}
}

// statelessResponding is how servers do that keep nothing. less are members that
// they refuse.
func statelessResponding(less ...string) *responding {
	base := openAIResponding()
	base.keeps, base.prefixed, base.shown, base.less = false, true, true, less
	base.layout = "id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools " +
		"tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning usage " +
		"max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key"
	base.event = "type response error item_id output_index content_index summary_index item part delta text refusal arguments name input logprobs sequence_number"
	base.items = map[string]string{
		"message":          "id type role status content",
		"reasoning":        "id type status summary content encrypted_content",
		"function_call":    "id type call_id name arguments status",
		"custom_tool_call": "id type call_id name input status",
	}
	base.part = "type text refusal annotations logprobs"
	base.more = func(response *node, _ bool) { response.put("store", false) }
	return base
}
