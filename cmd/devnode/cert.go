package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// newCertCommand is `devnode cert …`: what scripts/build_chain.sh makes a
// chain's certificates and keys with. No command overwrites a file.
func newCertCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "cert",
		Short: "make the certificates and keys of a chain",
		Long: "Makes certificates and keys of the kind that the official build_chain.sh makes.\n" +
			"Private keys are written with mode 0600. No command overwrites a file.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newCertCACommand(), newCertIssueCommand(), newCertNodeKeyCommand(), newCertAccountCommand())
	return command
}

func newCertCACommand() *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:     "ca --out DIR",
		Short:   "make a chain's CA: ca.crt, ca.key, ca.srl, cert.cnf",
		Example: "  devnode cert ca --out nodes/ca",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ca, err := certs.NewCA(certs.Validity{})
			if err != nil {
				return err
			}
			key, err := ca.KeyPEM()
			if err != nil {
				return err
			}
			return writeNew(out,
				newFile{"ca.key", key, privateMode},
				newFile{"ca.crt", ca.CertPEM(), publicMode},
				newFile{"ca.srl", fmt.Appendf(nil, "%040X\n", ca.Certificate().SerialNumber), publicMode},
				newFile{"cert.cnf", []byte(certs.OpenSSLConf), publicMode})
		},
	}
	outFlag(command, &out)
	return command
}

func newCertIssueCommand() *cobra.Command {
	var out, caDir, name string
	command := &cobra.Command{
		Use:     "issue --ca DIR --name NAME --out DIR",
		Short:   "issue a certificate: NAME.crt, NAME.key, NAME.nodeid, ca.crt, cert.cnf",
		Example: "  devnode cert issue --ca nodes/ca --name sdk --out nodes/127.0.0.1/sdk",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if name == "" || name == "ca" || name == "cert" || strings.ContainsAny(name, `/\`) {
				return fmt.Errorf("--name %q: give the name of the files, for example sdk or ssl", name)
			}
			ca, err := certs.LoadCA(filepath.Join(caDir, "ca.crt"), filepath.Join(caDir, "ca.key"))
			if err != nil {
				return err
			}
			pair, err := ca.Issue(certs.Validity{})
			if err != nil {
				return err
			}
			return writeNew(out,
				newFile{name + ".key", pair.KeyPEM, privateMode},
				newFile{name + ".crt", pair.CertPEM, publicMode},
				newFile{name + ".nodeid", []byte(pair.NodeID + "\n"), publicMode},
				newFile{"ca.crt", ca.CertPEM(), publicMode},
				newFile{"cert.cnf", []byte(certs.OpenSSLConf), publicMode})
		},
	}
	outFlag(command, &out)
	command.Flags().StringVar(&caDir, "ca", "", "folder of the CA, with ca.crt and ca.key (required)")
	command.Flags().StringVar(&name, "name", "sdk", "name of the files: sdk for clients, ssl for nodes")
	mustRequire(command, "ca")
	return command
}

func newCertNodeKeyCommand() *cobra.Command {
	var out string
	var gm bool
	command := &cobra.Command{
		Use:     "node-key --out DIR",
		Short:   "make a node's consensus key, node.pem and node.nodeid, and print the node id",
		Example: "  devnode cert node-key --out nodes/127.0.0.1/node0/conf",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := suite.GenerateKey(suiteOf(gm))
			if err != nil {
				return err
			}
			pem, err := key.PEM()
			if err != nil {
				return err
			}
			if err := writeNew(out,
				newFile{"node.pem", pem, privateMode},
				newFile{"node.nodeid", []byte(key.NodeID() + "\n"), publicMode}); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), key.NodeID())
			return nil
		},
	}
	outFlag(command, &out)
	gmFlag(command, &gm)
	return command
}

func newCertAccountCommand() *cobra.Command {
	var out string
	var gm bool
	command := &cobra.Command{
		Use:     "account --out DIR",
		Short:   "make an account's key, 0xADDRESS.pem, and print the address",
		Example: "  devnode cert account --out nodes/ca/accounts",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := suite.GenerateKey(suiteOf(gm))
			if err != nil {
				return err
			}
			pem, err := key.PEM()
			if err != nil {
				return err
			}
			address := strings.ToLower(key.Address().Hex())
			if err := writeNew(out, newFile{address + ".pem", pem, privateMode}); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), address)
			return nil
		},
	}
	outFlag(command, &out)
	gmFlag(command, &gm)
	return command
}

const (
	privateMode fs.FileMode = 0o600
	publicMode  fs.FileMode = 0o644
)

type newFile struct {
	name string
	data []byte
	mode fs.FileMode
}

// writeNew makes the folder when it is missing and writes the files into it. A
// file that exists, with whatever content, stops it before anything is written.
func writeNew(dir string, files ...newFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s exists already: nothing was written; choose another folder with --out", path)
		}
	}
	for _, f := range files {
		if err := writeNewFile(filepath.Join(dir, f.name), f); err != nil {
			return err
		}
	}
	return nil
}

func writeNewFile(path string, f newFile) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return err
	}
	_, err = file.Write(f.data)
	return errors.Join(err, file.Close())
}

func outFlag(command *cobra.Command, out *string) {
	command.Flags().StringVar(out, "out", "", "folder to write to; made when it is missing (required)")
	mustRequire(command, "out")
}

func gmFlag(command *cobra.Command, gm *bool) {
	command.Flags().BoolVar(gm, "sm", false, "for a GM chain: a key on SM2")
}

func suiteOf(gm bool) suite.Suite {
	if gm {
		return suite.GM
	}
	return suite.Standard
}

// mustRequire panics only for a flag that the command does not have.
func mustRequire(command *cobra.Command, flag string) {
	if err := command.MarkFlagRequired(flag); err != nil {
		panic(err)
	}
}
