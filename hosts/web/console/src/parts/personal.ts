import { ElMessageBox } from 'element-plus/es/components/message-box/index'

import { Problem } from '../api/problem'
import { text } from '../text'

/** Writes; where the host warns of personal data, once more if the person says that it is meant. */
export async function confirmPersonal<T>(write: (confirmed: boolean) => Promise<T>): Promise<T> {
  try {
    return await write(false)
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.code !== 'interaction.personal_data') throw problem
    const buttons = { confirmButtonText: text.desk.personalSend, cancelButtonText: text.desk.personalEdit }
    const meant = await ElMessageBox.confirm(problem.message, text.desk.personalTitle, buttons).catch(() => null)
    if (!meant) throw problem
    return write(true)
  }
}
