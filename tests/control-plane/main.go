// control-plane is what the operator's tests need of a Kubernetes cluster, as one process on
// loopback: etcd, kube-apiserver, the namespace controller (a deleted namespace empties and goes) and
// the garbage collector (what a deleted object owned goes). There is no kubelet and no scheduler.
//
// It prints one line of JSON once it is ready, then obeys lines on stdin:
//
//	compact     forget etcd's history; answers {"compactedRevision":N}
//	keep        do not remove --dir at the end after all; answers nothing
//
// It ends with SIGTERM or when stdin closes, so it never outlives the test that started it, however
// that test ended. Everything it writes is under --dir; started again there, it goes on with the same
// objects, the same certificate and, with --port, the same address.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"k8s.io/klog/v2"
)

// settings are the command line.
type settings struct {
	dir        string
	tokens     string
	auditLog   string
	port       int
	watchCache bool
	removeDir  bool
}

// ready is the line printed once requests are answered.
type ready struct {
	URL     string `json:"url"`
	Port    int    `json:"port"`
	CAFile  string `json:"caFile"`
	EtcdURL string `json:"etcdUrl"`
	PID     int    `json:"pid"`
}

func main() {
	var set settings
	flag.StringVar(&set.dir, "dir", "", "folder for every file: etcd's data, keys, certificates")
	flag.StringVar(&set.tokens, "tokens", "", `who may come in: csv lines token,user,uid,"group1,group2"`)
	flag.StringVar(&set.auditLog, "audit-log", "", "write every request's user, verb and object here, as lines of JSON")
	flag.IntVar(&set.port, "port", 0, "port on 127.0.0.1; 0: the kernel chooses")
	flag.BoolVar(&set.watchCache, "watch-cache", true, "false: watches read etcd itself, so that after `compact` an old resourceVersion is 410 Gone")
	flag.BoolVar(&set.removeDir, "remove-dir", false, "remove --dir at the end: whoever started us may not be there to do it")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, set); err != nil {
		klog.ErrorS(err, "The control plane stopped")
		klog.Flush()
		os.Exit(1)
	}
	klog.Flush()
}

// run serves until ctx or stdin ends, or until a part of it fails.
func run(ctx context.Context, set settings) error {
	if set.dir == "" || set.tokens == "" {
		return fmt.Errorf("--dir and --tokens are required")
	}
	var err error
	if set.dir, err = filepath.Abs(set.dir); err != nil {
		return err
	}
	defer func() {
		if set.removeDir {
			os.RemoveAll(set.dir)
		}
	}()
	// Listened to from the first moment: whoever started us may be gone before we are ready.
	commands, ended := stdin()

	store, err := startEtcd(filepath.Join(set.dir, "etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	// As in a crash: the API server dies with the process, its clients see a connection cut, and etcd goes on from its
	// log the next time. Only nothing is written any more once this returns, so that the folder can be removed.
	defer store.Server.HardStop()

	server, err := startAPIServer(ctx, set, store.url)
	if err != nil {
		return fmt.Errorf("kube-apiserver: %w", err)
	}
	answers := json.NewEncoder(os.Stdout)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			return nil
		case err := <-store.Err():
			return fmt.Errorf("etcd: %w", err)
		case err := <-server.failed:
			return fmt.Errorf("kube-apiserver: %w", err)
		case <-server.ready:
			server.ready = nil // once
			err = answers.Encode(ready{URL: server.url, Port: server.port, CAFile: server.caFile, EtcdURL: store.url, PID: os.Getpid()})
		case command := <-commands:
			switch command {
			case "keep":
				set.removeDir = false
			case "compact":
				var revision int64
				if revision, err = store.compact(ctx); err == nil {
					err = answers.Encode(map[string]int64{"compactedRevision": revision})
				}
			default:
				err = fmt.Errorf("no such command: %q", command)
			}
		}
		if err != nil {
			return err
		}
	}
}

// stdin gives the lines read, and closes the second channel at the end of the stream.
func stdin() (<-chan string, <-chan struct{}) {
	commands, ended := make(chan string), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			commands <- lines.Text()
		}
	}()
	return commands, ended
}
