// Package config makes a whole token service from one file or a few variables: the store, the keys, the lifetimes. Nothing
// in the program changes when they do.
//
//	cfg, err := config.Load(ctx, "jeton.yaml")
//	…
//	stack, err := cfg.Build(ctx)
//	…
//	defer stack.Close()
//
// What is a function stays the program's: between Load and Build it sets the fields of the [Config] that no file can give,
// Issuer.Claims, Verifier.Extra, Events and Wrap, and its own defaults where the file says nothing.
//
// It imports no backend: the program imports those that it wants to choose from, or all of them by store/all.
//
// # Layers of a configuration
//
// A value is taken from the first of these that has it:
//
//  1. the process's environment, as JETON_STORE_URL for the key store.url;
//  2. the file .secrets, NAME=value on each line, beside the YAML file;
//  3. the file .env.NAME beside it, where NAME is the variable APP_ENV;
//  4. the YAML file;
//  5. the default.
//
// A secret is given as its text or as the path of a file that holds it (key.secret or key.secret_file, JETON_KEY_SECRET or
// JETON_KEY_SECRET_FILE), whichever stands in the higher layer; both in one layer are a mistake. Some keys have older names
// from other systems, such as JWT_SECRET or REDIS_HOST: two names of one key in one layer must agree.
//
// docs/configuration.md lists every key, [Keys] has the same list as data, and [Schema] is a JSON Schema of the file.
//
// # Mistakes
//
// [Load] reports every mistake at once, each as an [Error] on a line of its own with file, key, reason and remedy. No error
// and no print of a [Config] holds a secret.
package config
