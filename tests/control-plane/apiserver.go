package main

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/keyutil"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiServer is the API server, in this process.
type apiServer struct {
	url    string
	port   int
	caFile string
	ready  <-chan struct{}
	failed <-chan error
}

// auditPolicy records who did what to which object, once per request, and no bodies.
const auditPolicy = `{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[{"level":"Metadata"}]}`

// arguments are kube-apiserver's flags; all others keep the default that a real cluster has.
func arguments(set settings, etcdURL string) ([]string, error) {
	accountKey := filepath.Join(set.dir, "service-account.key")
	if err := keepKey(accountKey); err != nil {
		return nil, err
	}
	args := []string{
		"--etcd-servers=" + etcdURL,
		// Compaction is a command of ours, so that a test decides when history is gone.
		"--etcd-compaction-interval=0",
		fmt.Sprintf("--watch-cache=%t", set.watchCache),
		// Loopback only, with a certificate made here at the first start and kept for the next.
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--cert-dir=" + set.dir,
		// The addresses of the service `kubernetes`: no Pod asks for them, and loopback would be refused.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24",
		// Who comes in, and what they may do there: as strict as a real cluster.
		"--token-auth-file=" + set.tokens,
		"--authorization-mode=RBAC",
		// Tokens of service accounts (`kubectl create token`).
		"--service-account-key-file=" + accountKey,
		"--service-account-signing-key-file=" + accountKey,
		"--service-account-issuer=https://kubernetes.default.svc",
	}
	if set.auditLog != "" {
		policy := filepath.Join(set.dir, "audit-policy.json")
		if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--audit-policy-file="+policy, "--audit-log-path="+set.auditLog)
	}
	return args, nil
}

// startAPIServer starts it and its controllers; `ready` closes when it answers.
func startAPIServer(ctx context.Context, set settings, etcdURL string) (*apiServer, error) {
	args, err := arguments(set, etcdURL)
	if err != nil {
		return nil, err
	}
	run := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, group := range run.Flags().FlagSets {
		flags.AddFlagSet(group)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if err := run.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, err
	}
	// The server's own clients would log every deprecated kind that they list.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})

	// A listener of ours, because kube-apiserver does not take port 0.
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", set.port))
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	run.SecureServing.Listener, run.SecureServing.BindPort = listener, port

	completed, err := run.Complete(ctx)
	if err != nil {
		return nil, err
	}
	if problems := completed.Validate(); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return nil, err
	}
	whole, err := config.Complete()
	if err != nil {
		return nil, err
	}
	chain, err := app.CreateServerChain(whole)
	if err != nil {
		return nil, err
	}
	if err := chain.GenericAPIServer.AddPostStartHook("test-controllers", func(hook genericapiserver.PostStartHookContext) error {
		return startControllers(hook, hook.LoopbackClientConfig)
	}); err != nil {
		return nil, err
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return nil, err
	}
	caFile, err := keepCA(set.dir)
	if err != nil {
		return nil, err
	}

	failed, ready := make(chan error, 2), make(chan struct{})
	go func() { failed <- prepared.Run(ctx) }()
	go func() {
		if err := answers(ctx, chain.GenericAPIServer.LoopbackClientConfig); err != nil {
			failed <- err
			return
		}
		close(ready)
	}()
	return &apiServer{
		url:    fmt.Sprintf("https://127.0.0.1:%d", port),
		port:   port,
		caFile: caFile,
		ready:  ready,
		failed: failed,
	}, nil
}

// answers waits until every part reports ready, RBAC's roles among them, and the first namespace is there.
func answers(ctx context.Context, loopback *rest.Config) error {
	client, err := kubernetes.NewForConfig(loopback)
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		if _, err := client.RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
			return false, nil
		}
		_, err := client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err == nil, nil
	})
}

// keepKey makes the private key in file unless it is there.
func keepKey(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	key, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return err
	}
	return keyutil.WriteKey(file, key)
}

// keepCA copies the authority from the end of the chain that the server made for itself.
func keepCA(dir string) (string, error) {
	chain, err := os.ReadFile(filepath.Join(dir, "apiserver.crt"))
	if err != nil {
		return "", err
	}
	var authority *pem.Block
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		authority = block
	}
	if authority == nil {
		return "", errors.New("apiserver.crt holds no certificate")
	}
	file := filepath.Join(dir, "ca.crt")
	return file, os.WriteFile(file, pem.EncodeToMemory(authority), 0o600)
}
