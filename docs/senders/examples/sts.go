// SPDX-License-Identifier: BSD-3-Clause

// What a recipient domain wants, asked of stsd.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

var stsd = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "udp", os.Getenv("STSD"))
}}

// verdict gives the tags of the answer and the mx patterns. An error means
// that there is no answer: mail waits.
func verdict(domain string, tries int) (map[string]string, []string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
	defer cancel()
	records, err := stsd.LookupTXT(ctx, domain+".sts.") // its strings are joined
	if err != nil {
		return nil, nil, err
	}
	answer, mx := map[string]string{}, []string{}
	for _, tag := range strings.Split(records[0], "; ") {
		name, value, _ := strings.Cut(tag, "=")
		if name == "mx" {
			mx = append(mx, value)
		} else {
			answer[name] = value
		}
	}
	if answer["v"] != "STSQ1" {
		return nil, nil, fmt.Errorf("no answer of stsd: %q", records)
	}
	if answer["r"] != "pending" || tries <= 1 {
		return answer, mx, nil
	}
	retry, _ := strconv.Atoi(answer["retry"])
	time.Sleep(time.Duration(retry) * time.Second)
	return verdict(domain, tries-1)
}

func main() {
	answer, mx, err := verdict(os.Args[1], 3)
	if err != nil {
		fmt.Fprintln(os.Stderr, "wait:", err)
		os.Exit(75)
	}
	told := answer["r"]
	if told == "policy" {
		told = answer["mode"]
	}
	fmt.Println(strings.Join(strings.Fields(told+" "+answer["why"]+" "+strings.Join(mx, " ")), " "))
	if answer["r"] == "unknown" || answer["r"] == "pending" {
		os.Exit(75) // as you decide: here mail waits
	}
}
