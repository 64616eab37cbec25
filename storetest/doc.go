// Package storetest helps to test programs that use a store: a clock that only the test moves ([Clock]), a store that
// fails on order ([Faults]), and helpers that log in and refresh in one line ([New], [Issue], [Refresh]).
//
//	s, clock := storetest.New(t)                                // an empty memory store on a fake clock
//	ann := storetest.Issue(t, s, store.User("ann"), storetest.Login{Class: "web"})
//	clock.Advance(time.Hour)                                    // ann's session has expired
//
// It links testing and is for tests only.
package storetest
