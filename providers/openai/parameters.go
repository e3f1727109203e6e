package openai

import (
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// Parameters are what the rules of model cards leave out of requests. The rule that
// renames max_tokens loses nothing and is not here.
func Parameters() map[modelsv1.ParameterRule]Fields {
	return map[modelsv1.ParameterRule]Fields{
		modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING:         modelWithout("temperature top_p"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_PENALTIES:        modelWithout("frequency_penalty presence_penalty"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_STOP:             modelWithout("stop"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS:         modelWithout("logprobs top_logprobs"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT: modelWithout("reasoning_effort"),
	}
}

// ResponseParameters are the same for responses, which have neither penalties nor stops.
func ResponseParameters() map[modelsv1.ParameterRule]Fields {
	return map[modelsv1.ParameterRule]Fields{
		modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING:         modelWithout("temperature top_p"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS:         modelWithout("top_logprobs"),
		modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT: modelWithout("reasoning.effort"),
	}
}

func modelWithout(paths string) Fields { return Fields{Title: "The model", Rows: Without(paths)} }
