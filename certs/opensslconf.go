package certs

// OpenSSLConf is the content of cert.cnf, which lies beside every certificate
// of a chain: with it and the chain's CA, openssl issues further certificates of
// the same kind (openssl req -config cert.cnf …, openssl x509 -req -extfile
// cert.cnf -extensions v4_req …). This package does not read it.
const OpenSSLConf = `# Settings for openssl, to issue further certificates of this chain.
[ca]
default_ca = default_ca

[default_ca]
default_days = 36500
default_md = sha256

[req]
distinguished_name = req_distinguished_name
req_extensions = v3_req

[req_distinguished_name]
commonName = Name of the holder
commonName_default = FISCO-BCOS
commonName_max = 64
organizationName = Organization
organizationName_default = fisco-bcos
organizationalUnitName = Unit
organizationalUnitName_default = agency

# of a request
[v3_req]
basicConstraints = CA:FALSE
keyUsage = nonRepudiation, digitalSignature, keyEncipherment

# of an issued certificate
[v4_req]
basicConstraints = CA:FALSE
`
