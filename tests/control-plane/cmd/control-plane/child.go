package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// child is one process of the control plane, which may be stopped and started again.
type child struct {
	name string
	path string
	dir  string
	args []string

	// ready is nil when the process does its work, else what's still missing.
	ready func() error

	process *exec.Cmd
	gone    chan struct{} // closed once the process is gone
	killed  *atomic.Bool  // its end was asked for
}

func (c *child) logPath() string {
	return filepath.Join(c.dir, c.name+".log")
}

// start starts the process. When it ends without having been asked to, it is sent on died.
func (c *child) start(died chan<- *child) error {
	log, err := os.OpenFile(c.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()

	cmd := exec.Command(c.path, c.args...)
	cmd.Dir = c.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Not even a killed supervisor leaves a process behind.
		Pdeathsig: syscall.SIGKILL,
		// Ctrl-C in a terminal goes to the supervisor alone, which then ends its children.
		Setpgid: true,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", c.name, err)
	}
	gone, killed := make(chan struct{}), new(atomic.Bool)
	c.process, c.gone, c.killed = cmd, gone, killed
	go func() {
		_ = cmd.Wait() // the log says more than the exit status
		close(gone)
		if !killed.Load() {
			died <- c
		}
	}()
	return nil
}

func (c *child) running() bool {
	if c.process == nil {
		return false
	}
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// kill ends the process the hard way, which works on a paused one too, and waits until it is gone.
func (c *child) kill() {
	if c.process == nil {
		return
	}
	c.killed.Store(true)
	_ = c.process.Process.Kill() // fails only when the process is gone
	<-c.gone
}

func (c *child) signal(s syscall.Signal) error {
	if !c.running() {
		return fmt.Errorf("%s isn't running", c.name)
	}
	return c.process.Process.Signal(s)
}

// failure is an error that shows the end of the log of the process at fault.
func (c *child) failure(what string) error {
	return fmt.Errorf("%s %s; the end of %s:\n%s", c.name, what, c.logPath(), tail(c.logPath(), 20))
}

// tail is the last lines of a file.
func tail(path string, lines int) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	all := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	return bytes.Join(all[max(0, len(all)-lines):], []byte("\n"))
}
