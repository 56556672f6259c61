// Pins the h2spec (and its h2specd) that tests/h2spec.rs runs, with the versions of x/net and the others that it was made
// with. 2.2.1 is the last that Go can resolve by its number: from 2.3.0 on it has a go.mod that lacks
// the /v2 which such a number needs.
module ferrows/tests/h2spec

go 1.18

require github.com/summerwind/h2spec v2.2.1+incompatible

require (
	github.com/fatih/color v0.0.0-20161025120501-bf82308e8c85 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/mattn/go-colorable v0.1.16 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/spf13/cobra v0.0.0-20170118185516-dc208f4211e7 // indirect
	github.com/spf13/pflag v1.1.0 // indirect
	golang.org/x/net v0.0.0-20161104230106-55a3084c9119 // indirect
	golang.org/x/sys v0.29.0 // indirect
)
