package gitops

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// What of Lua's libraries a script is given.
type libraries int

const (
	// Base and table alone, which the documented contract promises to be enough for health.lua.
	baseAndTable libraries = iota
	// What Argo CD's API server and controller give to a script of argocd-cm.
	asArgoCD
	// What Argo CD's own tests give to a health.lua and a discovery.lua, and its controller to a built-in one.
	all
)

// run runs a script in a VM set up as Argo CD's util/lua does (v3.6: lua.go, oslib_safe.go). The package itself can't be required: its
// module needs a folder of its own repository up to v3.5 and a newer Go from v3.6 on, and would pull in all of Argo CD.
func run(t *testing.T, with libraries, script string, object map[string]any, parameters map[string]string) (json.RawMessage, error) {
	t.Helper()
	vm := lua.NewState(lua.Options{SkipOpenLibs: with != all})
	defer vm.Close()
	open := func(name string, library lua.LGFunction) {
		if err := vm.CallByParam(lua.P{Fn: vm.NewFunction(library), Protect: true}, lua.LString(name)); err != nil {
			t.Fatal(err)
		}
	}
	if with != baseAndTable {
		open(lua.LoadLibName, lua.OpenPackage)
	}
	open(lua.BaseLibName, lua.OpenBase)
	open(lua.TabLibName, lua.OpenTable)
	if with != baseAndTable {
		vm.PreloadModule(lua.OsLibName, loadSafeOs)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	vm.SetContext(ctx)

	given := vm.NewTable()
	for name, value := range parameters {
		given.RawSetString(name, lua.LString(value))
	}
	vm.SetGlobal("actionParams", given)
	vm.SetGlobal("obj", toLua(vm, object))
	if err := vm.DoString(script); err != nil {
		if failed, ok := err.(*lua.ApiError); ok && failed.Type == lua.ApiErrorRun {
			failed.StackTrace = ""
		}
		return nil, err
	}
	result := vm.Get(-1)
	if result.Type() != lua.LTTable {
		return nil, fmt.Errorf("expect table output from Lua script, not %s", result.Type())
	}
	return luajson.Encode(result)
}

// loadSafeOs is the part of Lua's os library that Argo CD lends: the time of day.
func loadSafeOs(vm *lua.LState) int {
	lua.OpenOs(vm)
	os := vm.Get(-1).(*lua.LTable)
	safe := vm.NewTable()
	for _, name := range []string{"time", "date"} {
		safe.RawSetString(name, os.RawGetString(name))
	}
	vm.SetGlobal(lua.OsLibName, lua.LNil)
	vm.Push(safe)
	return 1
}

// toLua turns what YAML or JSON gave into what a script sees as obj.
func toLua(vm *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		list := vm.CreateTable(len(value), 0)
		for _, item := range value {
			list.Append(toLua(vm, item))
		}
		return list
	case map[string]any:
		table := vm.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(vm, item))
		}
		return table
	}
	return lua.LNil
}

// restoreEmptyMaps gives empty maps back what Lua, for which a list and a map are the same, made of them: Argo CD does so before it
// compares what an action returns with the object.
func restoreEmptyMaps(changed, before any) any {
	switch changed := changed.(type) {
	case map[string]any:
		if before, ok := before.(map[string]any); ok {
			for key := range changed {
				changed[key] = restoreEmptyMaps(changed[key], before[key])
			}
		}
	case []any:
		switch before := before.(type) {
		case map[string]any:
			if len(changed) == 0 {
				return map[string]any{}
			}
		case []any:
			for i := range min(len(changed), len(before)) {
				changed[i] = restoreEmptyMaps(changed[i], before[i])
			}
		}
	}
	return changed
}
