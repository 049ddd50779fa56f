package doctor

import (
	"errors"
	"io/fs"
	"os"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/configs"
)

// account is a key file that was read.
type account struct {
	name string
	data []byte
}

// readAccounts reads the key files; those that can be used are returned by name.
func readAccounts(list []configs.Account) (map[string]*account, []Finding) {
	usable := make(map[string]*account, len(list))
	findings := make([]Finding, 0, len(list))
	for _, c := range list {
		details := Details{"account": c.Name, "file": c.File}
		data, err := os.ReadFile(c.File)
		switch {
		case errors.Is(err, fs.ErrNotExist) && c.Create:
			findings = append(findings, find(AccountNew, details))
			continue
		case errors.Is(err, fs.ErrNotExist):
			findings = append(findings, find(AccountMissing, details))
			continue
		case err != nil:
			details["error"] = err.Error()
			findings = append(findings, find(AccountUnreadable, details))
			continue
		}
		key, err := suite.ParseKey(data, suite.Standard)
		if err != nil {
			details["error"] = err.Error()
			findings = append(findings, find(AccountDamaged, details))
			continue
		}
		details["address"] = key.Address().Hex()
		findings = append(findings, find(AccountOK, details))
		usable[c.Name] = &account{name: c.Name, data: data}
	}
	return usable, findings
}

// fitsLedger says when the key is one for the other kind of ledger. A key that is
// only hex digits fits both.
func (a *account) fitsLedger(ledger suite.Suite) (Finding, bool) {
	key, err := suite.ParseKey(a.data, ledger)
	if err != nil || key.Suite() == ledger {
		return Finding{}, true
	}
	if ledger == suite.GM {
		return find(AccountStandard, Details{"account": a.name}), false
	}
	return find(AccountGM, Details{"account": a.name}), false
}
