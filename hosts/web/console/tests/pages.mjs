// Every page of the built console, whatever the host answers: its states, and texts that want to be more than text.
import assert from 'node:assert/strict'

import { hostile } from './hostile.mjs'
import { open } from './stage.mjs'
import { states } from './states.mjs'

const { host, site, newPage, signIn, shot, step, wrong, end } = await open(Number(process.env.PORT ?? 18095), 'shots/pages')

try {
  const page = await newPage()
  await signIn(page, 'officer')
  if (!process.env.ONLY_HOSTILE) step('every page reads, fails and is tried again, is refused, and has nothing to show')
  if (!process.env.ONLY_HOSTILE) await states({ page, site, wrong })
  step('hostile words in every answer and every field are shown as text')
  await hostile({ page, site, shot, host, wrong })
  assert.deepEqual(wrong, [], 'no dialogs, no errors, nothing blocked by the policy')
  await end()
} catch (error) {
  await end(error)
}
