package providertest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query are the members of a URL's query, judged. names are those that there are;
// "include" and "metadata" come with brackets or without.
func (x *exchange) query(names ...string) (url.Values, *APIError) {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, refuse("", "", "The query cannot be read.")
	}
	for name := range values {
		base, _, _ := strings.Cut(name, "[")
		if !slices.Contains(names, base) && base != "api-version" && !x.up.lenient() {
			return nil, refuse(name, "unknown_parameter", "Unknown parameter: '%s'.", name)
		}
	}
	return values, nil
}

// page is a part of a list, as the query asks for it: in the order that it names,
// or in the usual one.
func (x *exchange) page(items []*node, usual string, more ...string) (*node, *APIError) {
	values, e := x.query(append([]string{"limit", "order", "after"}, more...)...)
	if e != nil {
		return nil, e
	}
	limit := 20
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, refuse("limit", "invalid_value", "Invalid 'limit': '%s'. A number from 1 to 100 is expected.", text)
		}
		limit = n
	}
	order := orElseText(values.Get("order"), usual)
	if order != "asc" && order != "desc" {
		return nil, refuse("order", "invalid_value", "Invalid value: '%s'. Supported values are: 'asc' and 'desc'.", order)
	}
	items = slices.Clone(items)
	if order == "desc" {
		slices.Reverse(items)
	}
	if after := values.Get("after"); after != "" {
		i := slices.IndexFunc(items, func(n *node) bool { return n.get("id").str() == after })
		if i < 0 {
			return nil, &APIError{Status: 404, Type: invalidRequest, Param: "after", Message: "There is nothing with the id '" + after + "'."}
		}
		items = items[i+1:]
	}
	hasMore := len(items) > limit
	items = items[:min(limit, len(items))]
	return listOf(items, hasMore), nil
}

// listOf is a list of objects with ids.
func listOf(items []*node, more bool) *node {
	var first, last *node
	if len(items) > 0 {
		first, last = items[0].get("id"), items[len(items)-1].get("id")
	}
	return obj("object", "list", "data", items, "first_id", first, "last_id", last, "has_more", more)
}
