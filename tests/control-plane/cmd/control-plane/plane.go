package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
)

// plane is the control plane: its processes and what they share.
type plane struct {
	options  options
	port     *port
	lock     *os.File
	client   *http.Client
	children map[string]*child
	died     chan *child
}

// newPlane prepares the working directory: everything but running processes.
func newPlane(o options) (*plane, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	// Like its children, so that etcd's sockets can be named by paths relative to it.
	if err := os.Chdir(o.dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.dir)
	if err != nil {
		return nil, err
	}
	p := &plane{options: o, lock: lock, died: make(chan *child, 3)}
	if err := p.prepare(); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *plane) prepare() error {
	if err := p.removeData(); err != nil { // of a supervisor that was killed
		return err
	}
	var err error
	if p.port, err = reservePort(); err != nil {
		return err
	}
	pki, err := newPKI()
	if err != nil {
		return err
	}
	if err := pki.write(p.options.dir, p.server()); err != nil {
		return err
	}
	p.client = &http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: pki.pool(), Certificates: []tls.Certificate{pki.admin.tls()}},
			DisableKeepAlives: true,
		},
	}
	p.children = map[string]*child{
		etcd:      p.child(etcd, p.etcdArgs(), p.etcdReady),
		apiServer: p.child(apiServer, p.apiServerArgs(), p.apiServerReady),
	}
	if !p.options.withoutControllerManager {
		p.children[controllerManager] =
			p.child(controllerManager, p.controllerManagerArgs(), p.controllerManagerReady)
	}
	return nil
}

func (p *plane) child(name string, args []string, ready func() error) *child {
	return &child{name: name, path: filepath.Join(p.options.assets, name), dir: p.options.dir, args: args, ready: ready}
}

func (p *plane) kubeconfig() string {
	return filepath.Join(p.options.dir, kubeconfigName)
}

func (p *plane) server() string {
	return fmt.Sprintf("https://127.0.0.1:%d", p.port.number)
}

// start starts every process and returns once the control plane is ready.
func (p *plane) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.options.timeout)
	defer cancel()
	// The API server waits for etcd by itself, while it does what it needs no etcd for.
	for _, name := range []string{etcd, apiServer} {
		if err := p.children[name].start(p.died); err != nil {
			return err
		}
	}
	for _, name := range []string{etcd, apiServer} {
		if err := p.waitReady(ctx, p.children[name]); err != nil {
			return err
		}
	}
	c, ok := p.children[controllerManager]
	if !ok {
		return nil
	}
	if err := c.start(p.died); err != nil {
		return err
	}
	return p.waitReady(ctx, c)
}

func (p *plane) waitReady(ctx context.Context, c *child) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := c.ready()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return c.failure(fmt.Sprintf("isn't ready in time (%s): %v", p.options.timeout, err))
		case dead := <-p.died:
			return dead.failure("ended by itself")
		case <-tick.C:
		}
	}
}

func (p *plane) etcdReady() error {
	connection, err := net.Dial("unix", etcdSocket)
	if err != nil {
		return err
	}
	return connection.Close()
}

func (p *plane) apiServerReady() error {
	return p.get("/readyz")
}

// controllerManagerReady looks for the first thing that its controllers make.
func (p *plane) controllerManagerReady() error {
	return p.get("/api/v1/namespaces/default/serviceaccounts/default")
}

func (p *plane) get(path string) error {
	response, err := p.client.Get(p.server() + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return nil
}

// close ends every process and removes what the options say, in any state of the start.
func (p *plane) close() error {
	for _, c := range p.children {
		c.kill()
	}
	if p.port != nil {
		p.port.release()
	}
	defer p.lock.Close()
	if p.options.removeDir {
		return os.RemoveAll(p.options.dir)
	}
	return p.removeData()
}
