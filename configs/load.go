package configs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// Load reads the YAML file, the environment and those flags that AddFlags added
// and the user gave; flags may be nil. It resolves paths, fills in defaults and
// checks everything, also whether the named files are there.
//
// A file that cannot be read or is no YAML, an unknown key or variable, a value
// of a wrong type and a value that makes no sense are errors, and all of them are
// reported at once: the error is always *ProblemsError.
func Load(path string, flags *pflag.FlagSet) (Config, error) {
	return loadWith(path, flags, &problems{sources: map[string]string{}})
}

// LoadWithoutFiles is Load for a program that looks at the named files itself: a
// file that is missing or cannot be read is no problem here.
func LoadWithoutFiles(path string, flags *pflag.FlagSet) (Config, error) {
	return loadWith(path, flags, &problems{sources: map[string]string{}, noFiles: true})
}

func loadWith(path string, flags *pflag.FlagSet, found *problems) (Config, error) {
	cfg := Default()
	v, err := read(path, flags, found.sources)
	if err != nil {
		found.add("", "%s", err)
		return Config{}, found.err(path)
	}
	found.unknownVariables(os.Environ())
	found.unknownKeys(v)
	if err := decode(v.AllSettings(), &cfg); err != nil {
		found.decoding(err)
	}
	if found.sources["store.path"] != "" && found.sources["store.url"] == "" {
		cfg.Store.URL = "" // a path that was just given wins over a URL in the file
	}
	cfg.resolve(filepath.Dir(path), found.sources)
	cfg.fill()
	cfg.check(found)
	if err := found.err(path); err != nil {
		return Config{}, err
	}
	return cfg, nil
}

// read brings file, environment and flags together, and notes which settings the
// environment or a flag gave.
func read(path string, flags *pflag.FlagSet, sources map[string]string) (*viper.Viper, error) {
	if path == "" {
		return nil, errors.New("no configuration file is named: name one, for example configs/gateway.yaml")
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("the file does not exist")
	case err != nil:
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("the file is no YAML of sections and keys: %w", cause(err))
	}
	for _, s := range settings() {
		if err := v.BindEnv(s.key, s.env()); err != nil {
			return nil, err
		}
		if os.Getenv(s.env()) != "" {
			sources[s.key] = s.env()
		}
		if flags == nil {
			continue
		}
		if flag := flags.Lookup(s.flag()); flag != nil && flag.Changed {
			// Not BindPFlag: that would hide the difference between given and not given.
			v.Set(s.key, flag.Value.String())
			sources[s.key] = "--" + s.flag()
		}
	}
	return v, nil
}

func cause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// unknownVariables finds misspelt variables. Only names below a section of the
// Config count, because other programs may have variables of the same prefix.
func (p *problems) unknownVariables(environment []string) {
	var known []string
	for _, s := range settings() {
		known = append(known, s.env())
	}
	for _, entry := range environment {
		name, _, _ := strings.Cut(entry, "=")
		for _, section := range keysOf(reflect.TypeFor[Config]()) {
			if strings.HasPrefix(name, envPrefix+strings.ToUpper(section)+"_") && !slices.Contains(known, name) {
				p.add("", "the environment variable %s sets nothing: the known ones are %s", name, strings.Join(known, ", "))
			}
		}
	}
}

func (p *problems) unknownKeys(v *viper.Viper) {
	p.unknownIn("", v.AllSettings(), reflect.TypeFor[Config]())
	// Keys without a value are in AllKeys only.
	for _, key := range v.AllKeys() {
		section, known := reflect.TypeFor[Config](), ""
		for part := range strings.SplitSeq(key, ".") {
			t, ok := typeOf(section, part)
			if !ok {
				p.unknown(known, part, section)
			}
			if !ok || t.Kind() != reflect.Struct {
				break
			}
			section, known = t, joinKey(known, part)
		}
	}
}

func (p *problems) unknownIn(prefix string, value any, t reflect.Type) {
	switch t.Kind() {
	case reflect.Struct:
		values, _ := value.(map[string]any) // anything else is a wrong type, which decode reports
		for key, v := range values {
			if field, ok := typeOf(t, key); ok {
				p.unknownIn(joinKey(prefix, key), v, field)
			} else {
				p.unknown(prefix, key, t)
			}
		}
	case reflect.Slice:
		values, _ := value.([]any)
		for i, v := range values {
			p.unknownIn(fmt.Sprintf("%s[%d]", prefix, i), v, t.Elem())
		}
	}
}

func (p *problems) unknown(prefix, key string, section reflect.Type) {
	p.add(joinKey(prefix, key), "unknown key: the keys here are %s", strings.Join(keysOf(section), ", "))
}

func joinKey(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

func decode(settings map[string]any, cfg *Config) error {
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:     cfg,
		DecodeHook: mapstructure.DecodeHookFuncValue(convert),
	})
	if err != nil {
		return err
	}
	return decoder.Decode(settings)
}

// convert checks that a value of the file, or the text of a variable or flag, is
// of the setting's type. Texts are parsed as strictly as YAML's own values.
func convert(from, to reflect.Value) (any, error) {
	value := from.Interface()
	text, isText := value.(string)
	switch to.Interface().(type) {
	case time.Duration:
		if d, err := ParseDuration(text); isText && err == nil {
			return d, nil
		}
		return nil, fmt.Errorf("%s is no duration: write a number with a unit, such as 500ms, 10s, 2m or 90d", shown(value))
	case ByteSize:
		if n, ok := value.(int); ok {
			text = strconv.Itoa(n)
		}
		if size, err := parseByteSize(text); err == nil {
			return size, nil
		}
		return nil, fmt.Errorf("%s is no size: write a number of bytes, or one with a unit such as 64MiB", shown(value))
	case string:
		if !isText {
			return nil, fmt.Errorf("%s is no text: put it in quotes", shown(value))
		}
	case bool:
		if b, err := strconv.ParseBool(text); isText && err == nil {
			return b, nil
		}
		if _, ok := value.(bool); !ok {
			return nil, fmt.Errorf("%s is neither true nor false", shown(value))
		}
	case int:
		if n, err := strconv.Atoi(text); isText && err == nil {
			return n, nil
		}
		if _, ok := value.(int); !ok {
			return nil, fmt.Errorf("%s is no whole number", shown(value))
		}
	case float64:
		if f, err := strconv.ParseFloat(text, 64); isText && err == nil {
			value = f
		}
		switch number := value.(type) {
		case int:
		case float64:
			if math.IsNaN(number) || math.IsInf(number, 0) {
				return nil, fmt.Errorf("%s is no usable number", shown(value))
			}
		default:
			return nil, fmt.Errorf("%s is no number", shown(value))
		}
		return value, nil
	default:
		switch to.Kind() {
		case reflect.Slice:
			if from.Kind() != reflect.Slice {
				return nil, fmt.Errorf("%s is no list: write the entries below it, each after a hyphen", shown(value))
			}
		case reflect.Struct:
			if from.Kind() != reflect.Map {
				return nil, fmt.Errorf("%s is no section: write the keys %s below it", shown(value), strings.Join(keysOf(to.Type()), ", "))
			}
		}
	}
	return value, nil
}

// ParseDuration is time.ParseDuration that also knows whole days, of 24 hours: 90d.
func ParseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// shown is a value as a person may recognise it, cut when long.
func shown(value any) string {
	if text, ok := value.(string); ok {
		value = strconv.Quote(text)
	}
	switch reflect.ValueOf(value).Kind() {
	case reflect.Map:
		return "a section"
	case reflect.Slice:
		return "a list"
	}
	text := fmt.Sprint(value)
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return text
}

// decoding takes the errors of the decoder apart: one for each setting.
func (p *problems) decoding(err error) {
	switch e := err.(type) { //nolint:errorlint // the tree of errors is walked here, layer by layer
	case *mapstructure.DecodeError:
		p.add(e.Name(), "%s", e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			p.decoding(err)
		}
	case interface{ Unwrap() error }:
		p.decoding(e.Unwrap())
	default:
		p.add("", "%s", err)
	}
}

// resolve makes the paths of the file start at its folder. Those that came from
// elsewhere start at the working folder already.
func (c *Config) resolve(dir string, sources map[string]string) {
	resolvePaths(reflect.ValueOf(c).Elem(), "", dir, sources)
}

func resolvePaths(v reflect.Value, key, dir string, sources map[string]string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name := joinKey(key, field.Tag.Get("mapstructure"))
			if field.Tag.Get("kind") == "" {
				resolvePaths(v.Field(i), name, dir, sources)
				continue
			}
			path := v.Field(i).String()
			if path == "" || filepath.IsAbs(path) || sources[name] != "" {
				continue
			}
			v.Field(i).SetString(filepath.Join(dir, path))
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolvePaths(v.Index(i), fmt.Sprintf("%s[%d]", key, i), dir, sources)
		}
	}
}
