package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/gateway"
)

// readTokens reads the tokens that open the API; without a file there are none.
func readTokens(path string) ([]gateway.Token, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("tokens (http.token_file): %w", err)
	}
	tokens, err := gateway.ParseTokens(data)
	if err != nil {
		return nil, fmt.Errorf("tokens (http.token_file) %s: %w", path, err)
	}
	return tokens, nil
}

// serverTLS is the identity of the listener; nil without a certificate.
func serverTLS(cfg configs.HTTPTLS) (*tls.Config, error) {
	if cfg.Cert == "" {
		return nil, nil
	}
	pair, err := certs.LoadPair(cfg.Cert, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the API (http.tls): %w", err)
	}
	var clients *x509.CertPool
	if cfg.ClientCA != "" {
		if clients, err = certs.LoadPool(cfg.ClientCA); err != nil {
			return nil, fmt.Errorf("authority of the clients (http.tls.client_ca): %w", err)
		}
	}
	return certs.HTTPSConfig(pair, clients), nil
}
