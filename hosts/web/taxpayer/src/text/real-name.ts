import type { RealName } from '@/api/types'
import { dayOf } from './dates'
import { zh } from './zh'

/** 已实名（2026年1月5日，电子税务局人脸核验） */
export function realNameOf(found?: RealName | null): string {
  if (!found) return zh.realName.unknown
  const how = zh.realName.channel[found.channel] + (found.level ? zh.realName.level[found.level] : '')
  return zh.realName.found(zh.realName.state[found.state], dayOf(found.found_at), how)
}
