// SPDX-License-Identifier: BSD-3-Clause
'use strict'

const { Resolver } = require('node:dns').promises
const net = require('node:net')
const { setTimeout: wait } = require('node:timers/promises')
const net_utils = require('haraka-net-utils')

exports.register = function () {
  this.stsd = new Resolver({ timeout: 3000, tries: 2 })
  this.stsd.setServers([this.config.get('stsd') || '192.0.2.53:5300'])
  this.register_hook('get_mx', 'apply_sts')
}

// { r, mode, mx: [...], why, ... }. It throws when there is no answer.
exports.verdict = async function (domain, tries = 3) {
  const [strings] = await this.stsd.resolveTxt(`${domain}.sts.`)
  const tags = strings.join('').split('; ').map((tag) => tag.split('='))
  const answer = { ...Object.fromEntries(tags), mx: tags.filter(([t]) => t === 'mx').map(([, v]) => v) }
  if (answer.v !== 'STSQ1') throw new Error(`no answer of stsd: ${strings}`)
  if (answer.r !== 'pending' || tries <= 1) return answer
  await wait(answer.retry * 1000)
  return this.verdict(domain, tries - 1)
}

// Whether a policy allows an MX host; `*.` stands for one label.
exports.allows = (mx, host) => {
  const name = host.toLowerCase().replace(/\.$/, '')
  return mx.includes(name) || mx.includes(name.replace(/^[^.]+/, '*'))
}

exports.apply_sts = async function (next, hmail, domain) {
  try {
    const answer = await this.verdict(domain)
    if (answer.r === 'unknown' || answer.r === 'pending') throw new Error(answer.why ?? answer.r)
    const enforced = answer.r === 'policy' && answer.mode === 'enforce'
    hmail.get_force_tls = enforced ? () => true : Object.getPrototypeOf(hmail).get_force_tls
    if (!enforced) return next()

    const hosts = await net_utils.get_mx(domain)
    if (hosts.length === 1 && hosts[0].exchange === '') return next(OK, hosts) // takes no mail (RFC 7505)
    const allowed = hosts.filter((mx) => this.allows(answer.mx, net.isIP(mx.exchange) ? mx.from_dns : mx.exchange))
    if (allowed.length === 0) throw new Error('no MX host is in the policy')
    next(OK, hmail.sort_mx(allowed))
  } catch (error) {
    next(DENYSOFT, `MTA-STS of ${domain}: ${error.message}`)
  }
}
