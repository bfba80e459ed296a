// Command control-plane runs etcd, kube-apiserver and kube-controller-manager as one unit for tests.
//
// It lives exactly as long as whoever started it wants: its standard input is the leash. When that reaches its end,
// because the test is over, has panicked or was killed, every process and all data of the control plane are gone
// a moment later.
//
// Once the API server is ready it prints one line of JSON, {"kubeconfig": …, "server": …, "dir": …}. From then on it
// takes commands, one a line, and answers each with one line of JSON, {"command": …, "ok": …, "error": …}:
//
//	stop NAME     kill the process
//	start NAME    start it again, at the same address, and wait until it is ready
//	pause NAME    freeze it: connections stay open and nothing answers
//	resume NAME   let it go on
//
// NAME is etcd, kube-apiserver or kube-controller-manager.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: control-plane run --assets DIR --dir DIR [flags]

Runs etcd, kube-apiserver and kube-controller-manager until standard input ends or SIGTERM comes.

`

type options struct {
	assets                   string
	dir                      string
	withoutControllerManager bool
	detachStdin              bool
	removeDir                bool
	timeout                  time.Duration
}

type ready struct {
	Kubeconfig string `json:"kubeconfig"`
	Server     string `json:"server"`
	Dir        string `json:"dir"`
}

type answer struct {
	Command string `json:"command"`
	OK      bool   `json:"ok"`
	Error   string `json:"error,omitempty"`
}

func init() {
	// The kernel kills the children when the thread that started them ends (Pdeathsig), and not only when the whole
	// process does. Children are started by the main goroutine alone, and the main thread ends last.
	runtime.LockOSThread()
}

func main() {
	o := parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "control-plane:", err)
		os.Exit(1)
	}
}

func parse() options {
	var o options
	flags := flag.NewFlagSet("control-plane run", flag.ExitOnError)
	flags.StringVar(&o.assets, "assets", "", "directory of etcd, kube-apiserver and kube-controller-manager")
	flags.StringVar(&o.dir, "dir", "", "working directory, made if missing: data, keys, kubeconfig and a log per process")
	flags.BoolVar(&o.withoutControllerManager, "without-controller-manager", false,
		"faster, but namespaces are never finished deleting and nothing is garbage-collected")
	flags.BoolVar(&o.detachStdin, "detach-stdin", false, "ignore standard input and run until SIGTERM")
	flags.BoolVar(&o.removeDir, "remove-dir", false, "remove the whole working directory at the end, not only the data of etcd")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long the start may take")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if len(os.Args) < 2 || os.Args[1] != "run" {
		flags.Usage()
		os.Exit(2)
	}
	_ = flags.Parse(os.Args[2:]) // ExitOnError
	if o.assets == "" || o.dir == "" || flags.NArg() > 0 {
		flags.Usage()
		os.Exit(2)
	}
	return o
}

func run(o options) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer cancel()
	// A write to a test that is gone fails then, and doesn't end the process before it has tidied up.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	// Both are used by processes with another working directory.
	if o.assets, err = filepath.Abs(o.assets); err != nil {
		return err
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	p, err := newPlane(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()

	commands := make(chan string)
	if !o.detachStdin {
		// Read from the first moment on: a test may be over before the start is.
		go func() {
			defer cancel()
			for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
				select {
				case commands <- lines.Text():
				case <-ctx.Done():
					return
				}
			}
		}()
	}

	if err := p.start(ctx); err != nil {
		return ended(ctx, err)
	}
	out := json.NewEncoder(os.Stdout) // unbuffered: every line is out once it is encoded
	if err := out.Encode(ready{Kubeconfig: p.kubeconfig(), Server: p.server(), Dir: o.dir}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-p.died:
			return c.failure("ended by itself")
		case command := <-commands:
			a := answer{Command: command, OK: true}
			if err := p.command(ctx, command); err != nil {
				a.OK, a.Error = false, err.Error()
			}
			if err := out.Encode(a); err != nil {
				return ended(ctx, err)
			}
		}
	}
}

// ended is nil when the control plane was told to end: what failed on the way out is no failure.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (p *plane) command(ctx context.Context, line string) error {
	verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
	c, known := p.children[name]
	if !known {
		return fmt.Errorf("no process %q in this control plane", name)
	}
	switch verb {
	case "stop":
		c.kill()
		return nil
	case "start":
		if c.running() {
			return fmt.Errorf("%s is running", name)
		}
		if err := c.start(p.died); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, p.options.timeout)
		defer cancel()
		return p.waitReady(ctx, c)
	case "pause":
		return c.signal(syscall.SIGSTOP)
	case "resume":
		return c.signal(syscall.SIGCONT)
	}
	return fmt.Errorf("unknown command %q: want stop, start, pause or resume", verb)
}
