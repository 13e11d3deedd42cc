import type { components } from '@shared'

import { authorities } from './authorities'
import { wordOf } from './content'
import { names } from './names'

const CODE = /^\d{11}$/
/** An id without a name, or a digest: the content says more. */
const BARE = /^[0-9a-f-]{36,}$/

/** Which one of its matter an approval is about, part by part. */
export const aboutOf = ({ subject }: components['schemas']['ApprovalView']): string =>
  subject
    .split('/')
    .map((part) => (CODE.test(part) ? authorities.beside(part) : (names.known.get(part) ?? wordOf(part))))
    .filter((part) => !BARE.test(part))
    .join(' · ')
