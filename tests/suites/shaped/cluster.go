package shaped

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"multibeam/suites/trace"
)

// What ties this suite to a cluster, for tests of a runner with a stand-in for
// an API server. Unset, nothing does.
var (
	needsAPI  = os.Getenv("SHAPED_NEEDS_API") != ""
	crashOnce = os.Getenv("SHAPED_CRASH_ONCE")
)

var (
	serverLine = regexp.MustCompile(`["']?server["']?:\s*["']?(https://[^\s"',}]+)`)
	tokenLine  = regexp.MustCompile(`["']?token["']?:\s*["']?([^\s"',}]+)`)
)

// kubeconfig gives the first server and token of the kubeconfig that KUBECONFIG
// names. Two lines of it matter here, so no YAML parser is needed.
func kubeconfig() (server, token string) {
	path := os.Getenv("KUBECONFIG")
	text, err := os.ReadFile(path)
	if err != nil {
		Fail(fmt.Sprintf("KUBECONFIG=%s: %v", path, err))
	}
	if found := serverLine.FindSubmatch(text); found != nil {
		server = string(found[1])
	}
	if found := tokenLine.FindSubmatch(text); found != nil {
		token = string(found[1])
	}
	if server == "" {
		Fail(fmt.Sprintf("KUBECONFIG=%s names no server", path))
	}
	return server, token
}

// tellCluster notes which kubeconfig the process was given.
func tellCluster() {
	if needsAPI {
		trace.Node("KUBECONFIG=" + os.Getenv("KUBECONFIG"))
	}
}

// useCluster fails the spec when the API server does not accept a connection.
func useCluster() {
	if !needsAPI {
		return
	}
	server, _ := kubeconfig()
	address, err := url.Parse(server)
	if err != nil {
		Fail(err.Error())
	}
	connection, err := net.DialTimeout("tcp", address.Host, 10*time.Second)
	if err != nil {
		Fail("the API server does not answer: " + err.Error())
	}
	_ = connection.Close()
}

// leaveThings makes a namespace as e2e.test does, and dies: once, in whichever
// spec comes here first.
func leaveThings() {
	if crashOnce == "" {
		return
	}
	file, err := os.OpenFile(crashOnce, os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return
	}
	_ = file.Close()
	server, token := kubeconfig()
	body := strings.NewReader(fmt.Sprintf(
		`{"metadata": {"name": "left-behind", "labels": {"e2e-run": "run-of-%d"}}}`, os.Getpid()))
	request, err := http.NewRequest(http.MethodPost, server+"/api/v1/namespaces", body)
	if err != nil {
		Fail(err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	// As client-go names itself: the API server notes it with every object.
	request.Header.Set("User-Agent", filepath.Base(os.Args[0])+"/v0.0.0 (linux/amd64) kubernetes/$Format")
	client := &http.Client{Transport: &http.Transport{
		// A stand-in on this machine.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	response, err := client.Do(request)
	if err != nil {
		Fail(err.Error())
	}
	if response.StatusCode != http.StatusCreated {
		Fail(response.Status)
	}
	os.Exit(7)
}
