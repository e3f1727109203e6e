package openai

import (
	"context"
	"net/http"

	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/upstream"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// ListModels implements providers.Lister.
func (o *Provider) ListModels(ctx context.Context) ([]*modelsv1.Model, error) {
	if o.site.Listed {
		return o.site.models(), nil
	}
	var list *modelsv1.ListModelsResponse
	err := o.client.Do(ctx, &upstream.Call{
		Method:   http.MethodGet,
		Endpoint: o.models,
		Header:   o.header,
		Exchange: new(providers.Exchange),
	}, func(reply string) error {
		list = new(modelsv1.ListModelsResponse)
		return codec.DecodeListModelsResponse(reply, list, wire.Limits{})
	})
	if err != nil {
		return nil, err
	}
	return list.GetData(), nil
}
