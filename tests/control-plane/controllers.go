package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/controller-manager/pkg/informerfactory"
	"k8s.io/kubernetes/pkg/controller/garbagecollector"
	"k8s.io/kubernetes/pkg/controller/namespace"
)

// How often the garbage collector looks for new kinds: a test may add one at any time. (30 s in a cluster.)
const lookForKinds = 2 * time.Second

// startControllers starts the two controllers whose work the tests see: everything else of
// kube-controller-manager is about Pods and nodes.
func startControllers(ctx context.Context, config *rest.Config) error {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, 0 // no limit: emptying a namespace is hundreds of requests
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	objects, err := metadata.NewForConfig(config)
	if err != nil {
		return err
	}
	shared := informers.NewSharedInformerFactory(client, 0)

	namespaces := namespace.NewNamespaceController(
		ctx, client, objects, client.Discovery().ServerPreferredNamespacedResources,
		shared.Core().V1().Namespaces(), 5*time.Minute, corev1.FinalizerKubernetes,
	)

	started := make(chan struct{})
	// A discovery cache of the mapper's own: Sync empties it, and must not look into the one it emptied.
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client.Discovery()))
	garbage, err := garbagecollector.NewGarbageCollector(
		ctx, client, objects, mapper, garbagecollector.DefaultIgnoredResources(),
		informerfactory.NewInformerFactory(shared, metadatainformer.NewSharedInformerFactory(objects, 0)),
		started,
	)
	if err != nil {
		return err
	}

	shared.Start(ctx.Done())
	close(started)
	go namespaces.Run(ctx, 4)
	go garbage.Run(ctx, 4, lookForKinds)
	go garbage.Sync(ctx, client.Discovery(), lookForKinds)
	return nil
}
