// Command etcd is the etcd server, built from its module: upstream's own main package lies outside of the modules that
// etcd releases for others to require.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
