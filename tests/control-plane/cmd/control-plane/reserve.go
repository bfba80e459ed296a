package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// port is a TCP port of 127.0.0.1 that only this control plane gets.
//
// A port that is free when it's looked for may be taken when the API server binds it, and while the API server is
// stopped by a test anybody may take it. So the supervisor keeps a socket bound to it, with SO_REUSEPORT, which lets
// the API server bind it too. As that socket never listens, clients see what they'd see without it.
type port struct {
	number int
	socket int
}

// soReusePort is SO_REUSEPORT, which package syscall lacks on some architectures.
const soReusePort = 15

func reservePort() (*port, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserving a port: %w", err)
	}
	p := &port{socket: socket}
	if p.number, err = bindLoopback(socket); err != nil {
		p.release()
		return nil, fmt.Errorf("reserving a port: %w", err)
	}
	return p, nil
}

func bindLoopback(socket int) (int, error) {
	if err := syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, soReusePort, 1); err != nil {
		return 0, err
	}
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	address, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("bound to an unexpected kind of address: %T", name)
	}
	return address.Port, nil
}

func (p *port) release() {
	_ = syscall.Close(p.socket)
}

// lockDir makes sure that no second control plane works in the same directory.
func lockDir(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another control plane runs in %s", dir)
	}
	return lock, nil
}
