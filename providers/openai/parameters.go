package openai

import (
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// Parameters are what the rules of model cards leave out of requests. The rule that
// renames max_tokens loses nothing and is not here.
func Parameters() map[modelsv1.ParameterRule]Fields {
	without := func(rows ...Field) Fields {
		for i := range rows {
			rows[i].Drop = true
		}
		return Fields{Title: "The model", Rows: rows}
	}
	one, zero, no := []string{"1"}, []string{"0"}, []string{"false"}
	return map[modelsv1.ParameterRule]Fields{
		modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING:         without(Field{Path: "temperature", Same: one}, Field{Path: "top_p", Same: one}),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_PENALTIES:        without(Field{Path: "frequency_penalty", Same: zero}, Field{Path: "presence_penalty", Same: zero}),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_STOP:             without(Field{Path: "stop"}),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS:         without(Field{Path: "logprobs", Same: no}, Field{Path: "top_logprobs"}),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT: without(Field{Path: "reasoning_effort"}),
	}
}
