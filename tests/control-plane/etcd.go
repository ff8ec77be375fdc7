package main

import (
	"context"
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
)

// etcd is the store, in this process.
type etcd struct {
	*embed.Etcd
	url string
}

// startEtcd opens or makes the store in dir.
func startEtcd(dir string) (*etcd, error) {
	// Port 0, so that two runs never collide. The advertised addresses stay :0, which nobody reads: there
	// is one member, and it is the same member when it is started again on the same data.
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config := embed.NewConfig()
	config.Dir = dir
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	// A killed process loses nothing without fsync, only a machine that loses power does.
	config.UnsafeNoFsync = true
	// The only member need not wait a second for the others before it leads.
	config.TickMs, config.ElectionMs = 10, 100
	config.LogLevel = "error"
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return nil, err
	case <-time.After(time.Minute):
		server.Close()
		return nil, errors.New("not ready after a minute")
	}
	return &etcd{Etcd: server, url: "http://" + server.Clients[0].Addr().String()}, nil
}

// compact forgets every revision before the newest, as the API server does with what is five minutes old.
func (store *etcd) compact(ctx context.Context) (int64, error) {
	revision := store.Server.KV().Rev()
	_, err := store.Server.Compact(ctx, &etcdserverpb.CompactionRequest{Revision: revision, Physical: true})
	return revision, err
}
