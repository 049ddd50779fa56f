package configs

import (
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix starts the name of every environment variable that is read.
const envPrefix = "BCOSGATE_"

// setting is a scalar of the Config that is no part of a list.
type setting struct {
	key  string // "http.listen"
	help string
	kind string // "file", "path" or empty
	typ  reflect.Type
}

func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }

// settings lists the scalars of the Config in the order of its fields.
func settings() []setting {
	var list []setting
	var walk func(prefix string, t reflect.Type)
	walk = func(prefix string, t reflect.Type) {
		for i := range t.NumField() {
			field := t.Field(i)
			key := prefix + field.Tag.Get("mapstructure")
			switch field.Type.Kind() {
			case reflect.Struct:
				walk(key+".", field.Type)
			case reflect.Slice: // only in the file
			default:
				list = append(list, setting{key, field.Tag.Get("help"), field.Tag.Get("kind"), field.Type})
			}
		}
	}
	walk("", reflect.TypeFor[Config]())
	return list
}

// keysOf lists the keys of a section in the order of its fields.
func keysOf(t reflect.Type) []string {
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("mapstructure")
	}
	return keys
}

// typeOf is the type of a section's key; ok is false for a key that it does not have.
func typeOf(section reflect.Type, key string) (t reflect.Type, ok bool) {
	i := slices.Index(keysOf(section), key)
	if i < 0 {
		return nil, false
	}
	return section.Field(i).Type, true
}

// AddFlags adds a flag for each setting that is no part of a list, for Load to
// read. The flags' own defaults are empty: what is not given leaves the setting
// to the environment, the file and Default.
func AddFlags(flags *pflag.FlagSet) {
	for _, s := range settings() {
		if s.typ.Kind() == reflect.Bool {
			flags.Bool(s.flag(), false, s.help)
			continue
		}
		flags.String(s.flag(), "", s.help)
	}
}
