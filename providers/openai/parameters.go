package openai

import (
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// Parameters are what the rules of model cards leave out of requests. The rule that
// renames max_tokens loses nothing and is not here.
func Parameters() map[modelsv1.ParameterRule]Fields {
	without := func(paths string) Fields { return Fields{Title: "The model", Rows: Without(paths)} }
	return map[modelsv1.ParameterRule]Fields{
		modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING:         without("temperature top_p"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_PENALTIES:        without("frequency_penalty presence_penalty"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_STOP:             without("stop"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS:         without("logprobs top_logprobs"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT: without("reasoning_effort"),
	}
}
