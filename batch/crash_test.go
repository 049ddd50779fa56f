package batch

func childMain() bool { return false }
