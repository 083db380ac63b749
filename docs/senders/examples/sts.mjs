// SPDX-License-Identifier: BSD-3-Clause
import { Resolver } from 'node:dns/promises'
import { setTimeout as wait } from 'node:timers/promises'

const stsd = new Resolver({ timeout: 3000, tries: 2 })
stsd.setServers([process.env.STSD ?? '192.0.2.53:5300'])

// { r, mode, mx: [...], why, ... }. It throws when there is no answer: mail waits.
export async function verdict(domain, tries = 3) {
  const [strings] = await stsd.resolveTxt(`${domain}.sts.`)
  const tags = strings.join('').split('; ').map((tag) => tag.split('='))
  const answer = { ...Object.fromEntries(tags), mx: tags.filter(([t]) => t === 'mx').map(([, v]) => v) }
  if (answer.v !== 'STSQ1') throw new Error(`no answer of stsd: ${strings}`)
  if (answer.r !== 'pending' || tries <= 1) return answer
  await wait(answer.retry * 1000)
  return verdict(domain, tries - 1)
}

// Whether a policy allows an MX host; `*.` stands for one label.
export function allows(mx, host) {
  const name = host.toLowerCase().replace(/\.$/, '')
  return mx.includes(name) || mx.includes(name.replace(/^[^.]+/, '*'))
}
