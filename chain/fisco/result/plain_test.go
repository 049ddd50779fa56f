package result

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

var structType = reflect.TypeFor[jsonrpc.Struct]()

// plainType is a type without the methods of its Structs, so that encoding/json
// reads it by itself.
func plainType(t reflect.Type) reflect.Type {
	switch {
	case t.Kind() == reflect.Slice:
		if elem := plainType(t.Elem()); elem != t.Elem() {
			return reflect.SliceOf(elem)
		}
	case reflect.PointerTo(t).Implements(structType):
		var fields []reflect.StructField
		for i := range t.NumField() {
			if f := t.Field(i); !f.Anonymous {
				f.Type, f.Offset = plainType(f.Type), 0
				fields = append(fields, f)
			}
		}
		return reflect.StructOf(fields)
	}
	return t
}

// requireSame requires that a value has the fields of one of its plain type.
func requireSame(t testing.TB, plain, got reflect.Value, where string) {
	t.Helper()
	if plain.Type() == got.Type() {
		require.Equal(t, plain.Interface(), got.Interface(), where)
		return
	}
	if plain.Kind() == reflect.Slice {
		require.Equal(t, plain.IsNil(), got.IsNil(), where)
		require.Equal(t, plain.Len(), got.Len(), where)
		for i := range plain.Len() {
			requireSame(t, plain.Index(i), got.Index(i), where)
		}
		return
	}
	for i := range plain.NumField() {
		name := plain.Type().Field(i).Name
		requireSame(t, plain.Field(i), got.FieldByName(name), where+"."+name)
	}
}
