import { zh } from '@/text/zh'

/** Hands a text over to whoever reads it: as a file on H5, by the clipboard in a mini-program. Says what was done. */
export async function saveText(name: string, mediaType: string, content: string): Promise<string> {
  // #ifdef H5
  const url = URL.createObjectURL(new Blob([content], { type: mediaType }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
  return zh.export.saved(name)
  // #endif
  // #ifndef H5
  void name
  void mediaType
  await uni.setClipboardData({ data: content, showToast: false })
  return zh.export.copied
  // #endif
}
