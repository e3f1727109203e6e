package apidoc

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// schemas validates JSON by the components of an OpenAPI document: as much of JSON
// Schema as the document uses. A keyword that it does not know is an error, so
// that none is passed over.
type schemas map[string]any

// remarks say nothing about what is valid.
var remarks = []string{"description", "format", "deprecated", "contentEncoding", "x-enum-descriptions", "x-signalbox-further-members"}

// validate says why a value does not fit a schema, or nil.
func (s schemas) validate(schema, value any) error {
	rules, ok := schema.(map[string]any)
	if !ok {
		return fmt.Errorf("a schema of type %T", schema)
	}
	for keyword, rule := range rules {
		if slices.Contains(remarks, keyword) {
			continue
		}
		if err := s.check(keyword, rule, value, rules); err != nil {
			return err
		}
	}
	return nil
}

func (s schemas) check(keyword string, rule, value any, rules map[string]any) error {
	switch keyword {
	case "$ref":
		target, ok := s[strings.TrimPrefix(rule.(string), "#/components/schemas/")]
		if !ok {
			return fmt.Errorf("%s leads nowhere", rule)
		}
		return s.validate(target, value)
	case "type":
		kinds, ok := rule.([]any)
		if !ok {
			kinds = []any{rule}
		}
		if !slices.ContainsFunc(kinds, func(kind any) bool { return isKind(kind.(string), value) }) {
			return fmt.Errorf("%v is not of type %v", value, rule)
		}
	case "const":
		return failUnless(reflect.DeepEqual(rule, value), "%v is not %v", value, rule)
	case "enum":
		return failUnless(slices.ContainsFunc(rule.([]any), func(v any) bool { return reflect.DeepEqual(v, value) }), "%v is not one of %v", value, rule)
	case "oneOf", "anyOf":
		fits, causes := 0, []error{}
		for _, one := range rule.([]any) {
			err := s.validate(one, value)
			if err == nil {
				fits++
			}
			causes = append(causes, err)
		}
		if fits == 0 || fits > 1 && keyword == "oneOf" {
			return fmt.Errorf("%v fits %d of %s: %w", value, fits, keyword, errors.Join(causes...))
		}
	case "not":
		return failUnless(s.validate(rule, value) != nil, "%v fits what must not be", value)
	case "minLength", "maxLength", "pattern":
		if text, ok := value.(string); ok {
			return checkText(keyword, rule, text)
		}
	case "minimum", "maximum":
		if number, ok := value.(float64); ok {
			return checkNumber(keyword, rule.(float64), number)
		}
	case "items":
		items, _ := value.([]any)
		for i, item := range items {
			if err := s.validate(rule, item); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case "properties", "required", "additionalProperties":
		if object, ok := value.(map[string]any); ok {
			return s.checkObject(keyword, rule, object, rules)
		}
	default:
		return fmt.Errorf("the keyword %s is not known", keyword)
	}
	return nil
}

func checkText(keyword string, rule any, value string) error {
	switch keyword {
	case "minLength":
		return failUnless(utf8.RuneCountInString(value) >= int(rule.(float64)), "%q is too short", value)
	case "maxLength":
		return failUnless(utf8.RuneCountInString(value) <= int(rule.(float64)), "%q is too long", value)
	default:
		return failUnless(regexp.MustCompile(rule.(string)).MatchString(value), "%q does not match %s", value, rule)
	}
}

func checkNumber(keyword string, rule, value float64) error {
	if keyword == "minimum" {
		return failUnless(value >= rule, "%v is less than %v", value, rule)
	}
	return failUnless(value <= rule, "%v is more than %v", value, rule)
}

func (s schemas) checkObject(keyword string, rule any, value map[string]any, rules map[string]any) error {
	properties, _ := rules["properties"].(map[string]any)
	switch keyword {
	case "properties":
		for name, schema := range properties {
			member, ok := value[name]
			if !ok {
				continue
			}
			if err := s.validate(schema, member); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	case "required":
		for _, name := range rule.([]any) {
			if _, ok := value[name.(string)]; !ok {
				return fmt.Errorf("%s is missing", name)
			}
		}
	case "additionalProperties":
		for name, member := range value {
			if _, ok := properties[name]; ok || rule == true {
				continue
			}
			if rule == false {
				return fmt.Errorf("%s is not known", name)
			}
			if err := s.validate(rule, member); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func isKind(kind string, value any) bool {
	switch value := value.(type) {
	case nil:
		return kind == "null"
	case bool:
		return kind == "boolean"
	case string:
		return kind == "string"
	case float64:
		return kind == "number" || kind == "integer" && value == math.Trunc(value)
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return false
}

func failUnless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// validateText is validate for JSON text and the schema of a component.
func (s schemas) validateText(component, text string) error {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return err
	}
	return s.validate(s[component], value)
}
