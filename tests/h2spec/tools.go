//go:build tools

// Package tools makes go.mod keep the programs that scripts/test installs.
package tools

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "github.com/summerwind/h2spec/cmd/h2specd"
)
