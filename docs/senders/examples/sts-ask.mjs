// SPDX-License-Identifier: BSD-3-Clause
import { verdict } from './sts.mjs'

try {
  const { r, mode, mx, why } = await verdict(process.argv[2])
  console.log([r === 'policy' ? mode : r, why, ...mx].filter(Boolean).join(' '))
  if (r === 'unknown' || r === 'pending') process.exitCode = 75 // as you decide: here mail waits
} catch (error) {
  console.error(`wait: ${error.message}`)
  process.exitCode = 75
}
