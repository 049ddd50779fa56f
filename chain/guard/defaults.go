package guard

// Defaults is what the zero Config stands for.
func Defaults() Config {
	var c Config
	c.setDefaults()
	return c
}
